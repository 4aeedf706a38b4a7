"""Estimate how sure scores are: percentile bootstrap over tweets (Efron & Tibshirani 1993, ch. 13)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from viral_common.artefact.files import DECISION_THRESHOLD
from viral_common.evaluation.scores import Floats, Labels, compute_scores

RESAMPLES = 400
CONFIDENCE = 0.95
SEED = 20_260_101
# Weights drawn at once, resamples times tweets: bounds the memory.
_AT_ONCE = 1 << 20

Interval = tuple[float, float]


def compute_intervals(labels: Labels, probabilities: Floats) -> dict[str, Interval]:
    """Estimate 95% intervals of accuracy, log_loss and, with both classes there, auc and average_precision.

    The calibration error has none: resampling adds noise, which that figure counts as error.
    """
    order = np.argsort(probabilities, kind="stable")
    labels, probabilities = labels[order], probabilities[order]
    tail = (1 - CONFIDENCE) / 2
    found = {}
    for name, drawn in _resample(labels, probabilities).items():
        known = drawn[np.isfinite(drawn)]  # a resample of few viral tweets may hold none
        if len(known):
            low, high = np.quantile(known, [tail, 1 - tail])
            found[name] = (float(low), float(high))
    return found


def compute_scores_with_intervals(
    labels: Labels, probabilities: Floats, decision_threshold: float
) -> dict[str, float]:
    """Compute scores and, beside each figure that has an interval, its ends: `auc_low`, `auc_high`."""
    figures = compute_scores(labels, probabilities, decision_threshold)
    for name, (low, high) in compute_intervals(labels, probabilities).items():
        figures |= {f"{name}_low": low, f"{name}_high": high}
    return figures


def _resample(labels: Labels, probabilities: Floats) -> dict[str, Floats]:
    """Compute each figure once per resample, shape (RESAMPLES,); tweets come in ascending order of probability."""
    right = labels == (probabilities >= DECISION_THRESHOLD)
    sure = np.clip(np.where(labels, probabilities, 1 - probabilities), 1e-7, 1.0)
    firsts = np.flatnonzero(np.diff(probabilities, prepend=-1.0))  # first tweet of each distinct probability
    parts = []
    for weights in _draw_weights(len(labels)):
        means = {"accuracy": weights @ right / len(labels), "log_loss": weights @ -np.log(sure) / len(labels)}
        parts.append(means | _rank(weights, labels, firsts))
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _rank(weights: Floats, labels: Labels, firsts: NDArray[np.intp]) -> dict[str, Floats]:
    """Compute AUC (Mann-Whitney, ties count half) and average precision by each row of weights; NaN for one class."""
    viral = np.add.reduceat(weights * labels, firsts, axis=1)  # (resamples, distinct probabilities)
    quiet = np.add.reduceat(weights * ~labels, firsts, axis=1)
    all_viral, all_quiet = viral.sum(axis=1), quiet.sum(axis=1)
    beaten = np.cumsum(quiet, axis=1) - quiet / 2
    viral_from_here = np.cumsum(viral[:, ::-1], axis=1)[:, ::-1]
    from_here = viral_from_here + np.cumsum(quiet[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        auc = (viral * beaten).sum(axis=1) / (all_viral * all_quiet)
        precision = viral_from_here / np.maximum(from_here, 1)
        average_precision = (viral * precision).sum(axis=1) / np.where(all_quiet > 0, all_viral, np.nan)
    return {"auc": auc, "average_precision": average_precision}


def _draw_weights(count: int) -> Iterator[Floats]:
    """Draw how often each tweet counts, in blocks of shape (resamples, count)."""
    rng = np.random.default_rng(SEED)
    block = max(1, _AT_ONCE // count)
    for start in range(0, RESAMPLES, block):
        rows = min(block, RESAMPLES - start)
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count).astype(np.float64)
