"""All facts of a report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.features import TWEET_FEATURES
from viral_common.tweets.text import Split

from viral_trainer.eda.described import Described
from viral_trainer.eda.facts.authors import Authors, authors_of
from viral_trainer.eda.facts.copies import Copies, copies_of
from viral_trainer.eda.facts.hours import Week, week_of
from viral_trainer.eda.facts.likes import Likes, likes_of
from viral_trainer.eda.facts.shares import Share, by_name, by_steps, share
from viral_trainer.eda.facts.shift import Drift, drift_of
from viral_trainer.eda.facts.signals import Signal, signals_of
from viral_trainer.eda.facts.words import Words, WordTable, word_table, words_of

# These go round or have many values: they have plots of their own.
ELSEWHERE = ("created_at_dayofweek", "created_at_hour", "word_count")
FEW_VALUES = (0, 1, 2, 3, 4, 5)
WORD_STEPS = (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50)
LETTER_STEPS = (0, 50, 100, 150, 200, 250, 300)


@dataclass(frozen=True)
class Facts:
    """What is known of the described tweets."""

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


def facts_of(described: Described) -> Facts:
    """Compute everything; the only long step is reading the words."""
    tweets, viral = described.columns, described.viral
    table = word_table(tweets.texts)
    return Facts(
        all=share("all", viral),
        splits=[share(split, viral[tweets.splits == split]) for split in get_args(Split)],
        pieces=[
            share(piece.name, viral[tweets.batches == place]) for place, piece in enumerate(described.pieces)
        ],
        likes=likes_of(tweets.likes, tweets.retweets, tweets.replies),
        signals=signals_of(tweets.features, tweets.likes, viral),
        week=week_of(tweets.posted_at, viral),
        words_count=by_steps(_whole(tweets.get_feature("word_count")), viral, WORD_STEPS),
        letters=by_steps(np.array([len(text) for text in tweets.texts]), viral, LETTER_STEPS),
        effects={
            name: by_steps(_whole(tweets.get_feature(name)), viral, FEW_VALUES)
            for name in TWEET_FEATURES
            if name not in ELSEWHERE
        },
        words=words_of(table, tweets.authors, viral),
        authors=authors_of(tweets.authors, tweets.earlier, viral),
        languages=by_name(tweets.languages, viral),
        copies=copies_of(tweets.copies),
        drift=_drift_of(described, table),
    )


def _drift_of(described: Described, table: WordTable) -> Drift | None:
    newest, before = described.newest, described.before
    if before is None or not len(before) or not len(newest):
        return None
    own = table if len(described.pieces) == 1 else word_table(newest.texts)
    return drift_of(before, newest, own, described.likes_threshold)


def _whole(values: NDArray[np.float32]) -> NDArray[np.int64]:
    return values.astype(np.int64)
