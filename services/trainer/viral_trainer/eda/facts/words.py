"""Words and hashtags, and how their tweets fare. Only what several authors use is ever named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.text import LINK

from viral_trainer.eda.facts.shares import Share

# Links and mentions are read over; a word has three letters or more and may be a hashtag.
_TOKEN = re.compile(rf"{LINK.pattern}|@\w+|(#?[^\W\d_][\w'’]+\w)")
# A word is named if so many tweets hold it, and so many different authors: what one person alone says stays unsaid.
LEAST_TWEETS, LEAST_SHARE = 30, 0.002
LEAST_AUTHORS = 10
SHOWN = 8


@dataclass(frozen=True)
class WordTable:
    """Which tweets hold which words: pairs, one for each word of each tweet, however often it is repeated there."""

    words: NDArray[np.object_]  # (words,) str, each once
    tweet: NDArray[np.int64]  # (pairs,) the tweet's place
    word: NDArray[np.int64]  # (pairs,) the word's place


@dataclass(frozen=True)
class Words:
    """The words whose tweets are liked more or less than others by more than chance would easily do."""

    different: int
    compared: int
    """Those that are frequent enough."""
    liked: list[Share]
    """The interval that begins highest first, all above the share of all tweets."""
    ignored: list[Share]
    """The interval that ends lowest first, all below it."""


@dataclass(frozen=True)
class Novelty:
    """Words that earlier tweets did not have."""

    new: int
    different: int
    share: float
    """Of all pairs of a tweet and one of its words, those with a new word."""


def words_in(text: str) -> list[str]:
    """Each once, in lower case; hashtags with their sign."""
    found = dict.fromkeys(_TOKEN.findall(text.lower().replace("＃", "#")))
    found.pop("", None)  # a link or a mention
    return list(found)


def word_table(texts: NDArray[np.object_]) -> WordTable:
    """Of (n,) texts."""
    places: dict[str, int] = {}
    tweet: list[int] = []
    word: list[int] = []
    for place, text in enumerate(texts):
        found = [places.setdefault(one, len(places)) for one in words_in(text)]
        word += found
        tweet += [place] * len(found)
    return WordTable(
        np.array([*places], dtype=object), np.array(tweet, dtype=np.int64), np.array(word, dtype=np.int64)
    )


def words_of(table: WordTable, authors: NDArray[np.int64], viral: NDArray[np.bool_]) -> Words:
    """Compare the frequent words, given each tweet's author and label, (n,)."""
    count = len(table.words)
    tweets = np.bincount(table.word, minlength=count)
    liked = np.bincount(table.word, weights=viral[table.tweet], minlength=count)
    frequent = np.flatnonzero(tweets >= max(LEAST_TWEETS, LEAST_SHARE * len(viral)))
    shares = [
        Share(str(table.words[place]), int(tweets[place]), int(liked[place]))
        for place in frequent[_authors_of_each(table, authors, frequent) >= LEAST_AUTHORS]
    ]
    rate = viral.mean() if len(viral) else 0.0
    above = sorted((one for one in shares if one.interval[0] > rate), key=lambda one: -one.interval[0])
    below = sorted((one for one in shares if one.interval[1] < rate), key=lambda one: one.interval[1])
    return Words(count, len(shares), above[:SHOWN], below[:SHOWN])


def novelty_of(before: NDArray[np.object_], after: WordTable) -> Novelty:
    """Which of the words in `after` are in none of the texts `before`."""
    known = set(chain.from_iterable(map(words_in, before)))
    new = np.array([word not in known for word in after.words], dtype=np.bool_)
    share = float(new[after.word].mean()) if len(after.word) else 0.0
    return Novelty(int(new.sum()), len(new), share)


def _authors_of_each(
    table: WordTable, authors: NDArray[np.int64], wanted: NDArray[np.intp]
) -> NDArray[np.int64]:
    """How many different authors use each of the `wanted` words."""
    places = np.full(len(table.words), -1)
    places[wanted] = np.arange(len(wanted))
    used = places[table.word] >= 0
    pairs = np.stack([places[table.word][used], authors[table.tweet][used]])
    return np.bincount(np.unique(pairs, axis=1)[0], minlength=len(wanted)).astype(np.int64)
