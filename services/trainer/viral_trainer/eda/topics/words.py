"""Show words and hashtags that go with likes. Only what several authors use is named."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.text import LINK

from viral_trainer.eda.panel import SHARE_HEAD, Panel, format_count, format_percent, format_share_rows
from viral_trainer.eda.shares import Share, draw_rows

# Links and mentions are read over; a word has three letters or more and may be a hashtag.
_TOKEN = re.compile(rf"{LINK.pattern}|@\w+|(#?[^\W\d_][\w'’]+\w)")


# A word is named if so many tweets hold it, and so many different authors: what one person alone says stays unsaid.
LEAST_TWEETS, LEAST_SHARE = 30, 0.002


LEAST_AUTHORS = 10


SHOWN = 8


@dataclass(frozen=True)
class WordTable:
    """Hold pairs of a tweet and a word, one for each different word of each tweet."""

    words: NDArray[np.object_]  # (words,) str, each once
    tweet: NDArray[np.int64]  # (pairs,) the tweet's place
    word: NDArray[np.int64]  # (pairs,) the word's place


@dataclass(frozen=True)
class Words:
    """Hold the words whose tweets are viral more or less often than others, beyond chance."""

    different: int
    compared: int
    """Those that are frequent enough."""
    liked: list[Share]
    """The interval that begins highest first, all above the share of all tweets."""
    ignored: list[Share]
    """The interval that ends lowest first, all below it."""


@dataclass(frozen=True)
class Novelty:
    """Count words that earlier tweets did not have."""

    new: int
    different: int
    share: float
    """Of all pairs of a tweet and one of its words, those with a new word."""


def split_words(text: str) -> list[str]:
    """Split a text into its different words, in lower case; hashtags keep their sign."""
    found = dict.fromkeys(_TOKEN.findall(text.lower().replace("＃", "#")))
    found.pop("", None)  # a link or a mention
    return list(found)


def build_word_table(texts: NDArray[np.object_]) -> WordTable:
    """Build the table from (n,) texts."""
    places: dict[str, int] = {}
    tweet: list[int] = []
    word: list[int] = []
    for place, text in enumerate(texts):
        found = [places.setdefault(one, len(places)) for one in split_words(text)]
        word += found
        tweet += [place] * len(found)
    return WordTable(
        np.array([*places], dtype=object), np.array(tweet, dtype=np.int64), np.array(word, dtype=np.int64)
    )


def compute_words(table: WordTable, authors: NDArray[np.int64], viral: NDArray[np.bool_]) -> Words:
    """Compare the frequent words, given each tweet's author and label, (n,)."""
    count = len(table.words)
    tweets = np.bincount(table.word, minlength=count)
    liked = np.bincount(table.word, weights=viral[table.tweet], minlength=count)
    frequent = np.flatnonzero(tweets >= max(LEAST_TWEETS, LEAST_SHARE * len(viral)))
    shares = [
        Share(str(table.words[place]), int(tweets[place]), int(liked[place]))
        for place in frequent[_count_authors(table, authors, frequent) >= LEAST_AUTHORS]
    ]
    rate = viral.mean() if len(viral) else 0.0
    above = sorted((one for one in shares if one.interval[0] > rate), key=lambda one: -one.interval[0])
    below = sorted((one for one in shares if one.interval[1] < rate), key=lambda one: one.interval[1])
    return Words(count, len(shares), above[:SHOWN], below[:SHOWN])


def compute_novelty(before: NDArray[np.object_], after: WordTable) -> Novelty:
    """Count the words of `after` that none of the texts `before` has."""
    known = set(chain.from_iterable(map(split_words, before)))
    new = np.array([word not in known for word in after.words], dtype=np.bool_)
    share = float(new[after.word].mean()) if len(after.word) else 0.0
    return Novelty(int(new.sum()), len(new), share)


def _count_authors(
    table: WordTable, authors: NDArray[np.int64], wanted: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Count the different authors who use each of the `wanted` words."""
    places = np.full(len(table.words), -1)
    places[wanted] = np.arange(len(wanted))
    used = places[table.word] >= 0
    pairs = np.stack([places[table.word][used], authors[table.tweet][used]])
    return np.bincount(np.unique(pairs, axis=1)[0], minlength=len(wanted)).astype(np.int64)


def render_words(found: Words, everything: Share) -> Panel:
    """Render the words that stand out on either side."""
    shown = [*found.liked, *reversed(found.ignored)]
    says = f"Of {format_count(found.different, 'different word')}, {found.compared:,} are frequent enough to compare. "
    if found.liked:
        best = found.liked[0]
        says += f"Tweets with “{best.label}” are viral in {format_percent(best.rate)} of the cases"
    if found.ignored:
        worst = found.ignored[0]
        says += (
            f"{'; those' if found.liked else 'Tweets'} with “{worst.label}” in {format_percent(worst.rate)}"
        )
    says += f", against {format_percent(everything.rate)} of all." if shown else "None of them stands out."
    return Panel(
        "lift",
        "Words that stand out",
        says,
        draw_rows("lift", shown, everything.rate) if shown else None,
        ("word", *SHARE_HEAD),
        format_share_rows(shown),
        f"Named are only words of at least {max(LEAST_TWEETS, round(LEAST_SHARE * everything.tweets)):,} tweets by "
        f"{LEAST_AUTHORS} authors, never mentions. They go with likes; that they bring any is not said.",
    )
