"""Split tweets into words."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.text import LINK

# Links and mentions are read over; a word has three letters or more and may be a hashtag.
_TOKEN = re.compile(rf"{LINK.pattern}|@\w+|(#?[^\W\d_][\w'’]+\w)")


@dataclass(frozen=True)
class WordTable:
    """Hold pairs of a tweet and a word, one for each different word of each tweet."""

    words: NDArray[np.object_]  # (words,) str, each once
    tweet: NDArray[np.int64]  # (pairs,) the tweet's place
    word: NDArray[np.int64]  # (pairs,) the word's place


def split_words(text: str) -> list[str]:
    """Split a text into its different words, in lower case; hashtags keep their sign."""
    found = dict.fromkeys(_TOKEN.findall(text.lower().replace("＃", "#")))
    found.pop("", None)  # a link or a mention
    return list(found)


def build_word_table(texts: NDArray[np.object_]) -> WordTable:
    """Build the table from (n,) texts."""
    places: dict[str, int] = {}
    words = [[places.setdefault(one, len(places)) for one in split_words(text)] for text in texts]
    tweet = np.repeat(np.arange(len(words)), [len(one) for one in words]).astype(np.int64)
    word = np.array([place for one in words for place in one], dtype=np.int64)
    return WordTable(np.array([*places], dtype=object), tweet, word)
