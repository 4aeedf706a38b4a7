"""Decide about promotion by a paired bootstrap of the log loss over authors, on the same test tweets."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from viral_common.evaluation.intervals import Clusters, estimate_mean_interval

Labels = NDArray[np.bool_]
Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Decision:
    """Hold a decision: `gain` is the rival's mean log loss minus the challenger's (nats a tweet), with its interval."""

    promoted: bool
    gain: float
    low: float
    high: float
    count: int
    authors: int


@dataclass(frozen=True)
class PromotionRule:
    """Promote when the whole two-sided interval of the gain lies above zero (Efron & Tibshirani 1993, ch. 13).

    Authors are drawn, each with all its tweets: one account that posts much must not decide.
    """

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 20_260_101

    @property
    def name(self) -> str:
        """The rule's name in the verdict."""
        return f"paired bootstrap of log loss by author, {self.confidence:.0%}, {self.resamples} resamples"

    def decide(
        self, labels: Labels, challenger: Probabilities, rival: Probabilities, authors: Clusters
    ) -> Decision:
        """Compare on the same tweets; arrays of shape (tweets,). The rival keeps its place unless clearly beaten."""
        gains = compute_log_losses(labels, rival) - compute_log_losses(labels, challenger)
        low, high = estimate_mean_interval(gains, authors, self.confidence, self.resamples, self.seed)
        return Decision(low > 0, float(gains.mean()), low, high, len(gains), len(np.unique(authors)))


def compute_log_losses(labels: Labels, probabilities: Probabilities) -> NDArray[np.float64]:
    """Compute each tweet's log loss in nats; certainty that is wrong costs at most 16."""
    sure = np.clip(np.where(labels, probabilities, 1 - probabilities), 1e-7, 1.0)
    losses: NDArray[np.float64] = -np.log(sure)
    return losses
