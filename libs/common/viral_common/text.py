"""What a tweet's text is to the product: links and mentions masked, copies recognised, a split drawn from it."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Literal

Split = Literal["train", "validation", "test"]

LINK = re.compile(r"(?:https?://|pic\.twitter\.com/|www\.)\S+", re.IGNORECASE)
# Twitter's own rules: a mention is 1 to 15 word characters, a hashtag holds at least one letter.
MENTION = re.compile(r"(?<![\w@/])@(\w{1,15})(?!\w)", re.ASCII)
HASHTAG = re.compile(r"(?<![\w&/])[#＃](?=\w*[^\W\d_])\w+")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[\ud800-\udfff]")


def clean(text: str) -> str:
    """The text without NUL, control characters and lone surrogates, which Postgres and tokenizers refuse."""
    return _NOT_TEXT.sub("", text)


def masked(text: str) -> str:
    """The text as the encoder reads it: every link is `http`, every mention `@user`."""
    text = LINK.sub("http", text)
    if "@" in text:
        text = MENTION.sub("@user", text)
    return " ".join(text.split())


def copy_hash(text: str) -> int:
    """A signed 64-bit hash, equal for texts that differ only in links, mentions, case or spacing."""
    normalised = unicodedata.normalize("NFKC", masked(text)).casefold()
    return int.from_bytes(hashlib.blake2b(normalised.encode(), digest_size=8).digest(), "big", signed=True)


def split_of(text_hash: int) -> Split:
    """70/15/15 by hash, so copies of one text stand on one side in every batch."""
    share = text_hash % 100
    return "train" if share < 70 else "validation" if share < 85 else "test"
