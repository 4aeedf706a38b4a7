"""How far the newest tweets lie from those before."""

from __future__ import annotations

from dataclasses import dataclass
from math import isfinite

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ks_2samp
from viral_common.evaluation.drift import MOST_VALUES, Level, binned, chance, level, stability_index
from viral_common.stores.tweet_columns import TweetColumns
from viral_common.tweets.features import FEATURES

from viral_trainer.eda.facts.shares import Share, share
from viral_trainer.eda.facts.words import Novelty, WordTable, novelty_of


@dataclass(frozen=True)
class Shift:
    """One quantity, before and after."""

    name: str
    index: float
    """PSI."""
    chance: float
    """What 95 in 100 comparisons stay below where nothing has changed, for so many tweets and bins."""
    distance: float | None
    """Kolmogorov and Smirnov's: the largest gap of the two cumulative shares. None where there are few values."""

    @property
    def level(self) -> Level:
        """`stable` too where chance alone would explain the index."""
        return level(self.index, self.chance)


@dataclass(frozen=True)
class Drift:
    """The newest batch against the one before it."""

    shifts: list[Shift]
    """The largest first."""
    before: Share
    after: Share
    novelty: Novelty
    texts_seen: float
    """Share of the newer tweets whose text is a copy of an earlier one."""

    @property
    def change(self) -> float:
        """Of the viral share."""
        return self.after.rate - self.before.rate

    @property
    def indices(self) -> dict[str, float]:
        """PSI by name, those that are numbers."""
        return {shift.name: shift.index for shift in self.shifts if isfinite(shift.index)}


def drift_of(before: TweetColumns, after: TweetColumns, words: WordTable, likes_threshold: int) -> Drift:
    """Compare two sets of tweets, neither of them empty; `words` are those of `after`."""
    pairs = {name: (before.get_feature(name), after.get_feature(name)) for name in FEATURES}
    shifts = [shift_of(name, *pair) for name, pair in pairs.items()]
    shifts.append(shift_of("like_count", before.likes, after.likes))
    return Drift(
        shifts=sorted(shifts, key=lambda shift: -shift.index),
        before=share("before", before.likes > likes_threshold),
        after=share("after", after.likes > likes_threshold),
        novelty=novelty_of(before.texts, words),
        texts_seen=float(np.isin(after.copies, before.copies).mean()),
    )


def shift_of(
    name: str,
    before: NDArray[np.float32] | NDArray[np.int64],
    after: NDArray[np.float32] | NDArray[np.int64],
) -> Shift:
    """Of one column of each, neither of them empty."""
    first, second = binned(before.astype(np.float64), after.astype(np.float64))
    return Shift(name, stability_index(first, second), chance(first, second), _distance(before, after))


def _distance(before: NDArray[np.generic], after: NDArray[np.generic]) -> float | None:
    first, second = (values[np.isfinite(values)] for values in (before, after))
    many = len(np.unique(np.concatenate([first, second]))) > MOST_VALUES
    return (
        float(ks_2samp(first, second, method="asymp").statistic)
        if many and len(first) and len(second)
        else None
    )
