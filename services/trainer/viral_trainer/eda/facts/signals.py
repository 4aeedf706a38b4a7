"""What each feature tells of likes by itself."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from viral_common.tweets.features import FEATURES

from viral_trainer.eda.facts.shares import Z


@dataclass(frozen=True)
class Signal:
    """One feature alone. None where it, or the label, is the same for all tweets."""

    name: str
    spearman: float | None
    """Rank correlation with the number of likes (and so with any rising function of it, such as the logarithm)."""
    auc: float | None
    """Chance that a viral tweet has a higher value than another one; 0.5 tells nothing, below it less is better."""
    error: float | None
    """Half of the AUC's 95 % interval (Hanley and McNeil 1982)."""

    @property
    def advantage(self) -> float:
        """How far the AUC is from telling nothing; 0 where there is none."""
        return 0.0 if self.auc is None else self.auc - 0.5


def signals_of(
    features: NDArray[np.float32], likes: NDArray[np.int64], viral: NDArray[np.bool_]
) -> list[Signal]:
    """Of each column of `features`, (n, features); the strongest first, those that never vary last."""
    signals = [_signal(name, features[:, column], likes, viral) for column, name in enumerate(FEATURES)]
    return sorted(signals, key=lambda signal: -abs(signal.advantage))


def _signal(
    name: str, values: NDArray[np.float32], likes: NDArray[np.int64], viral: NDArray[np.bool_]
) -> Signal:
    known = np.isfinite(values)
    ranks, labels = rankdata(values[known]), viral[known]
    if len(ranks) == 0 or ranks.min() == ranks.max():
        return Signal(name, None, None, None)
    spearman = None
    if likes[known].min() < likes[known].max():
        spearman = float(np.corrcoef(ranks, rankdata(likes[known]))[0, 1])
    positives, negatives = int(labels.sum()), int((~labels).sum())
    if not positives or not negatives:
        return Signal(name, spearman, None, None)
    # The Mann-Whitney statistic, by the sum of the viral tweets' ranks.
    auc = (ranks[labels].sum() - positives * (positives + 1) / 2) / (positives * negatives)
    return Signal(name, spearman, float(auc), _error(float(auc), positives, negatives))


def _error(auc: float, positives: int, negatives: int) -> float:
    both_positive, both_negative = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = (
        auc * (1 - auc)
        + (positives - 1) * (both_positive - auc**2)
        + (negatives - 1) * (both_negative - auc**2)
    ) / (positives * negatives)
    return Z * sqrt(max(0.0, variance))
