"""Prepare a tweet's text: links and mentions masked, copies recognised, a split drawn from it."""

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
_EMPTY = blake2b(digest_size=8)
_USUAL_LINK = re.compile(r"https?://\S+")
_NO_LETTERS = bytes(code for code in range(256) if not chr(code).isascii() or not chr(code).isalnum())
# Fewer letters and digits say too little to call two texts nearly the same.
FEWEST_LETTERS = 20


def clean(text: str) -> str:
    """Clean the text of NUL, control characters and lone surrogates, which Postgres and tokenizers refuse."""
    return text if text.isprintable() else _NOT_TEXT.sub("", text)


def split_around_links(text: str) -> list[str]:
    """Split the text around its links: always one piece more than there are links."""
    if "://" in text:
        pieces = _USUAL_LINK.split(text)
        usual = len(pieces) == text.count("://") + 1
    else:
        pieces, usual = [text], True
    if usual and "." in text:
        lower = text.lower()
        usual = "www." not in lower and ".com/" not in lower
    return pieces if usual else LINK.split(text)


def mask_text(text: str) -> str:
    """Mask the text as the encoder reads it: every link is `http`, every mention `@user`."""
    return mask_pieces(split_around_links(text))


def mask_pieces(pieces: Sequence[str]) -> str:
    """Mask the text, likewise, that stands around its links; one space is between any two words."""
    text = "http".join(pieces)
    if "@" in text:
        text = MENTION.sub("@user", text)
    # Of all spaces only the plain one is printable, so nearly every text is as it should be.
    is_regular = text.isprintable() and "  " not in text and not (text[:1] == " " or text[-1:] == " ")
    return text if is_regular else " ".join(text.split())


def compute_copy_hash(text: str) -> int:
    """Hash to signed 64 bits, equal for texts that differ only in links, mentions, case or spacing."""
    return _hash(_normalise(mask_text(text)).encode())


def compute_near_hash(text: str) -> int:
    """Hash likewise, equal also for texts that differ in punctuation, emoji and other signs.

    Compared are the letters a to z and the digits; for texts with few of them it is the copy hash.
    """
    return compute_hashes(mask_text(text))[1]


def compute_hashes(masked_text: str) -> tuple[int, int]:
    """Copy hash and near hash."""
    normalised = _normalise(masked_text).encode()
    copy = _hash(normalised)
    letters = normalised.replace(b"http", b"").replace(b"@user", b"").translate(None, _NO_LETTERS)
    return copy, _hash(letters) if len(letters) >= FEWEST_LETTERS else copy


def _normalise(masked_text: str) -> str:
    if masked_text.isascii():
        return masked_text.lower()
    return unicodedata.normalize("NFKC", masked_text).casefold()


def _hash(data: bytes) -> int:
    hasher = _EMPTY.copy()  # quicker than to make one
    hasher.update(data)
    number: int = _SIGNED_64.unpack(hasher.digest())[0]
    return number


def choose_split(text_hash: int) -> Split:
    """Choose 70/15/15 by hash, so that copies of one text stand on one side in every batch."""
    share = text_hash % 100
    return "train" if share < 70 else "validation" if share < 85 else "test"
