"""What a tweet's text is to the product: links and mentions masked, copies recognised, a split drawn from it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from hashlib import blake2b
from struct import Struct
from typing import Literal

Split = Literal["train", "validation", "test"]

# The searches begin with the characters that can begin a match, for which the engine scans ten times as fast.
LINK = re.compile(r"(?=[hpw])(?:https?://|pic\.twitter\.com/|www\.)\S+", re.IGNORECASE)
# Twitter's own rules: a mention is 1 to 15 word characters, a hashtag holds at least one letter.
MENTION = re.compile(r"@(?<![\w@/]@)(\w{1,15})(?!\w)", re.ASCII)
HASHTAG = re.compile(r"[#＃](?<![\w&/][#＃])(?=\w*[^\W\d_])\w+")
_NOT_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SIGNED_64 = Struct(">q")
_USUAL_LINK = re.compile(r"https?://\S+")
_NO_LETTERS = bytes(code for code in range(256) if not chr(code).isascii() or not chr(code).isalnum())
# Fewer letters and digits say too little to call two texts nearly the same.
FEWEST_LETTERS = 20


def clean(text: str) -> str:
    """The text without NUL, control characters and lone surrogates, which Postgres and tokenizers refuse."""
    return text if text.isprintable() else _NOT_TEXT.sub("", text)


def around_links(text: str) -> list[str]:
    """What stands before, between and after the text's links: always one piece more than there are links."""
    if "://" in text:
        pieces = _USUAL_LINK.split(text)
        usual = len(pieces) == text.count("://") + 1
    else:
        pieces, usual = [text], True
    if usual and "." in text:
        lower = text.lower()
        usual = "www." not in lower and ".com/" not in lower
    return pieces if usual else LINK.split(text)


def masked(text: str) -> str:
    """The text as the encoder reads it: every link is `http`, every mention `@user`."""
    return " ".join(masked_words(around_links(text)))


def masked_words(pieces: Sequence[str]) -> list[str]:
    """The words of `masked`, from the text around its links."""
    text = "http".join(pieces)
    return (MENTION.sub("@user", text) if "@" in text else text).split()


def copy_hash(text: str) -> int:
    """A signed 64-bit hash, equal for texts that differ only in links, mentions, case or spacing."""
    return _hash(_normalised(masked(text)).encode())


def near_hash(text: str) -> int:
    """Equal for texts that differ only in punctuation, emoji and other signs besides what `copy_hash` overlooks.

    Compared are the letters a to z and the digits; for texts with few of them it is the copy hash.
    """
    return hashes_of(masked(text))[1]


def hashes_of(masked_text: str) -> tuple[int, int]:
    """Copy hash and near hash."""
    normalised = _normalised(masked_text)
    copy = _hash(normalised.encode())
    unmasked = normalised.replace("http", "").replace("@user", "")
    letters = unmasked.encode("ascii", "ignore").translate(None, _NO_LETTERS)
    return copy, _hash(letters) if len(letters) >= FEWEST_LETTERS else copy


def _normalised(masked_text: str) -> str:
    return unicodedata.normalize("NFKC", masked_text).casefold()


def _hash(data: bytes) -> int:
    number: int = _SIGNED_64.unpack(blake2b(data, digest_size=8).digest())[0]
    return number


def split_of(text_hash: int) -> Split:
    """70/15/15 by hash, so copies of one text stand on one side in every batch."""
    share = text_hash % 100
    return "train" if share < 70 else "validation" if share < 85 else "test"
