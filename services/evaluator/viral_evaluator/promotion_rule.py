"""The rule of promotion: a paired bootstrap of the log loss, on the same test tweets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.bool_]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """`gain` is the rival's mean log loss minus the challenger's (nats a tweet), with its interval."""

    promoted: bool
    gain: float
    low: float
    high: float
    count: int


@dataclass(frozen=True)
class PromotionRule:
    """Promote when the whole two-sided interval of the gain lies above zero (Efron & Tibshirani 1993, ch. 13)."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 20_260_101

    @property
    def name(self) -> str:
        """How the verdict names it."""
        return f"paired bootstrap of log loss, {self.confidence:.0%}, {self.resamples} resamples"

    def decide(self, labels: Labels, challenger: Probabilities, rival: Probabilities) -> Decision:
        """Compare on the same tweets; arrays of shape (tweets,). The rival keeps its place unless clearly beaten."""
        gains = log_losses(labels, rival) - log_losses(labels, challenger)
        tail = (1 - self.confidence) / 2
        low, high = np.quantile(self._resampled_means(gains), [tail, 1 - tail])
        return Decision(bool(low > 0), float(gains.mean()), float(low), float(high), len(gains))

    def _resampled_means(self, gains: NDArray[np.float64]) -> NDArray[np.float64]:
        rng = np.random.default_rng(self.seed)
        return np.array(
            [gains[rng.integers(0, len(gains), len(gains))].mean() for _ in range(self.resamples)]
        )


def log_losses(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Each tweet's log loss in nats; certainty that is wrong costs at most 16."""
    sure = np.clip(np.where(labels, probabilities, 1 - probabilities), 1e-7, 1.0)
    losses: NDArray[np.float64] = -np.log(sure)
    return losses
