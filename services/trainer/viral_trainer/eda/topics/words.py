"""Show how long tweets are, and which words go with likes. Only what several authors use is named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viral_trainer.eda.panel import Panel, format_count, format_percent
from viral_trainer.eda.shares import Share, compute_shares_by_steps, draw_columns, draw_rows, find_extremes
from viral_trainer.eda.sources import ReportTweets
from viral_trainer.eda.word_table import WordTable

WORD_STEPS = (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
LETTER_STEPS = (0, 50, 100, 150, 200, 250, 300)
# A word is named if so many tweets hold it, and so many different authors: what one person alone says stays unsaid.
LEAST_TWEETS, LEAST_SHARE, LEAST_AUTHORS = 30, 0.002, 10
SHOWN = 8


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


def _count_authors(
    table: WordTable, authors: NDArray[np.int64], wanted: NDArray[np.intp]
) -> NDArray[np.int64]:
    """Count the different authors who use each of the `wanted` words."""
    places = np.full(len(table.words), -1)
    places[wanted] = np.arange(len(wanted))
    used = places[table.word] >= 0
    pairs = np.stack([places[table.word][used], authors[table.tweet][used]])
    return np.bincount(np.unique(pairs, axis=1)[0], minlength=len(wanted)).astype(np.int64)


def render_lengths(described: ReportTweets, everything: Share) -> list[Panel]:
    """Render the viral share by how many words and characters tweets have."""
    tweets = described.columns
    words = tweets.get_feature("word_count").astype(np.int64)
    letters = np.array([len(text) for text in tweets.texts])
    return [
        _render_length("words", "Words", words, WORD_STEPS, described, everything),
        _render_length("letters", "Characters", letters, LETTER_STEPS, described, everything),
    ]


def _render_length(
    key: str,
    title: str,
    lengths: NDArray[np.int64],
    steps: tuple[int, ...],
    described: ReportTweets,
    everything: Share,
) -> Panel:
    shares = compute_shares_by_steps(lengths, described.viral, steps)
    most, name = max(shares, key=lambda one: one.tweets), title.lower()
    part = format_percent(most.tweets / everything.tweets)
    says = f"Most frequent are {most.label} {name} ({part} of the tweets)."
    if ends := find_extremes(shares):
        low, high = ends
        says += f" The viral share is lowest at {low.label} ({format_percent(low.rate)})"
        says += f" and highest at {high.label} ({format_percent(high.rate)})."
    plot = draw_columns(key, shares, everything.rate, f"{name} in the tweet")
    return Panel.from_shares(key, title, says, plot, name, shares)


def render_words(described: ReportTweets, everything: Share) -> Panel:
    """Render the words that stand out on either side."""
    found = compute_words(described.words, described.columns.authors, described.viral)
    shown = [*found.liked, *reversed(found.ignored)]
    says = f"Of {format_count(found.different, 'different word')}, {found.compared:,} are frequent enough to compare. "
    if found.liked:
        best = found.liked[0]
        says += f"Tweets with “{best.label}” are viral in {format_percent(best.rate)} of the cases"
    if found.ignored:
        worst = found.ignored[0]
        who = "; those" if found.liked else "Tweets"
        says += f"{who} with “{worst.label}” in {format_percent(worst.rate)}"
    says += f", against {format_percent(everything.rate)} of all." if shown else "None of them stands out."
    return Panel.from_shares(
        "lift",
        "Words that stand out",
        says,
        draw_rows("lift", shown, everything.rate) if shown else None,
        "word",
        shown,
        f"Named are only words of at least {max(LEAST_TWEETS, round(LEAST_SHARE * everything.tweets)):,} tweets by "
        f"{LEAST_AUTHORS} authors, never mentions. They go with likes; that they bring any is not said.",
    )
