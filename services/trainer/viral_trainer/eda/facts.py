"""Compute all facts of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.features import TWEET_FEATURES
from viral_common.tweets.text import Split

from viral_trainer.eda.shares import Share, compute_share, compute_shares_by_name, compute_shares_by_steps
from viral_trainer.eda.sources import ReportTweets
from viral_trainer.eda.topics.authors import Authors, compute_authors
from viral_trainer.eda.topics.drift import Drift, compute_drift
from viral_trainer.eda.topics.features import Signal, compute_signals
from viral_trainer.eda.topics.hours import Week, compute_week
from viral_trainer.eda.topics.likes import Likes, compute_likes
from viral_trainer.eda.topics.selection import Copies, compute_copies
from viral_trainer.eda.topics.words import Words, WordTable, build_word_table, compute_words

# These go round or have many values: they have plots of their own.
ELSEWHERE = ("created_at_dayofweek", "created_at_hour", "word_count")


FEW_VALUES = (0, 1, 2, 3, 4, 5)


WORD_STEPS = (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50)


LETTER_STEPS = (0, 50, 100, 150, 200, 250, 300)


@dataclass(frozen=True)
class Facts:
    """Hold all facts of a report."""

    all: Share
    splits: list[Share]
    pieces: list[Share]
    likes: Likes
    signals: list[Signal]
    week: Week
    words_count: list[Share]
    letters: list[Share]
    effects: dict[str, list[Share]]
    """By tweet feature: the shares by its value."""
    words: Words
    authors: Authors
    languages: list[Share]
    copies: Copies
    drift: Drift | None


def compute_facts(described: ReportTweets) -> Facts:
    """Compute everything; the only long step is reading the words."""
    tweets, viral = described.columns, described.viral
    table = build_word_table(tweets.texts)
    return Facts(
        all=compute_share("all", viral),
        splits=[compute_share(split, viral[tweets.splits == split]) for split in get_args(Split)],
        pieces=[
            compute_share(piece.name, viral[tweets.batches == place])
            for place, piece in enumerate(described.pieces)
        ],
        likes=compute_likes(tweets.likes, tweets.retweets, tweets.replies),
        signals=compute_signals(tweets.features, tweets.likes, viral),
        week=compute_week(tweets.posted_at, viral),
        words_count=compute_shares_by_steps(
            _convert_to_whole(tweets.get_feature("word_count")), viral, WORD_STEPS
        ),
        letters=compute_shares_by_steps(np.array([len(text) for text in tweets.texts]), viral, LETTER_STEPS),
        effects={
            name: compute_shares_by_steps(_convert_to_whole(tweets.get_feature(name)), viral, FEW_VALUES)
            for name in TWEET_FEATURES
            if name not in ELSEWHERE
        },
        words=compute_words(table, tweets.authors, viral),
        authors=compute_authors(tweets.authors, tweets.earlier, viral),
        languages=compute_shares_by_name(tweets.languages, viral),
        copies=compute_copies(tweets.copies),
        drift=_compute_drift(described, table),
    )


def _compute_drift(described: ReportTweets, table: WordTable) -> Drift | None:
    newest, before = described.newest, described.before
    if before is None or not len(before) or not len(newest):
        return None
    own = table if len(described.pieces) == 1 else build_word_table(newest.texts)
    return compute_drift(before, newest, own, described.likes_threshold)


def _convert_to_whole(values: NDArray[np.float32]) -> NDArray[np.int64]:
    return values.astype(np.int64)
