"""Measure how far one batch's values lie from another's: the population stability index."""

from __future__ import annotations

from typing import Any, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

# The usual reading (Siddiqi, Credit Risk Scorecards, 2006): below 0.1 no change to speak of, from 0.25 on a large one.
STABLE, SHIFTED = 0.1, 0.25
# So many different values at most are compared one by one; more are compared by tenths of the earlier ones.
MOST_VALUES = 25
TENTHS = 10
# 95 in 100 draws of a standard normal variable stay below.
NORMAL_95 = 1.6449

AnyNumber = TypeVar("AnyNumber", bound=np.number[Any])
Counts = NDArray[np.int64]
Level = Literal["stable", "moderate", "large"]


def compute_stability_index(before: Counts, after: Counts) -> float:
    """Compute the PSI of two equally long arrays of counts: the sum of (q - p) ln(q / p), p and q a bin's shares.

    It is Jeffreys' divergence, zero for equal shares and alike in both directions. Half a count is added to each bin
    (Krichevsky and Trofimov), so a value that is new or gone has a finite weight; bins empty in both are left out.
    """
    seen = before + after > 0
    before, after = before[seen], after[seen]
    p, q = ((counts + 0.5) / (counts.sum() + 0.5 * len(counts)) for counts in (before, after))
    return float(np.sum((q - p) * np.log(q / p)))


def count_in_bins(before: NDArray[AnyNumber], after: NDArray[AnyNumber]) -> tuple[Counts, Counts]:
    """Count both, (bins,) each: of every value where they are few, else of tenths of `before`.

    What is not a number is a bin of its own, the last.
    """
    first, second = before.astype(np.float64), after.astype(np.float64)
    values = np.unique(np.concatenate([first, second]))
    values, known = values[np.isfinite(values)], first[np.isfinite(first)]
    edges = values[:-1]
    if len(values) > MOST_VALUES and len(known):
        edges = np.unique(np.quantile(known, np.arange(1, TENTHS) / TENTHS, method="inverted_cdf"))
    return _count(first, edges), _count(second, edges)


def _count(values: NDArray[np.float64], edges: NDArray[np.float64]) -> Counts:
    # A bin ends with its edge, so a value that many share (zero, mostly) has a bin of its own.
    bins = np.where(np.isfinite(values), np.searchsorted(edges, values, side="left"), len(edges) + 1)
    return np.bincount(bins, minlength=len(edges) + 2).astype(np.int64)


def estimate_chance_index(before: Counts, after: Counts) -> float:
    """Estimate what 95 in 100 indices of two draws from the same tweets stay below, for so many tweets and bins.

    Then PSI is (1/n + 1/m) times chi-squared with bins - 1 degrees of freedom (Yurdakul 2018), whose quantile is
    that of Wilson and Hilferty (1931).
    """
    freedom = int((before + after > 0).sum()) - 1
    if freedom < 1:
        return 0.0
    spread = 2 / (9 * freedom)
    quantile = freedom * (1 - spread + NORMAL_95 * spread**0.5) ** 3
    return float(quantile * (1 / before.sum() + 1 / after.sum()))


def name_level(index: float, by_chance: float = 0.0) -> Level:
    """Name what a PSI is usually taken for; `stable` too where chance alone would explain it."""
    if not index >= max(STABLE, by_chance):
        return "stable"
    return "moderate" if index < SHIFTED else "large"
