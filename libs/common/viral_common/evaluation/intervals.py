"""Estimate how sure scores are: percentile bootstrap over authors (Efron & Tibshirani 1993, ch. 13).

Tweets of one author are liked or not together, so authors are drawn, each with all its tweets (Field & Welsh 2007).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from viral_common.artefact.files import DECISION_THRESHOLD
from viral_common.evaluation.scores import Floats, Labels, compute_scores

RESAMPLES = 400
CONFIDENCE = 0.95
SEED = 20_260_101
# Fewer authors say nothing of others: drawn anew, so few differ too little (docs/decisions/0026).
FEWEST_CLUSTERS = 10
# Weights drawn at once, resamples times tweets: bounds the memory.
_AT_ONCE = 1 << 20

Interval = tuple[float, float]
Clusters = NDArray[np.intp]
"""Shape (tweets,): equal for tweets that are drawn together, as `stack_authors` numbers them."""


def compute_intervals(labels: Labels, probabilities: Floats, clusters: Clusters) -> dict[str, Interval]:
    """Estimate 95% intervals of accuracy, log_loss and, with both classes there, auc and average_precision.

    None of too few clusters, nor of the calibration error: resampling adds noise, which that figure counts as error.
    """
    if len(np.unique(clusters)) < FEWEST_CLUSTERS:
        return {}
    order = np.argsort(probabilities, kind="stable")
    found = {}
    for name, drawn in _resample(labels[order], probabilities[order], clusters[order]).items():
        known = drawn[np.isfinite(drawn)]  # a resample of few viral tweets may hold none
        if len(known):
            found[name] = _cut_tails(known, CONFIDENCE)
    return found


def estimate_mean_interval(
    values: Floats,
    clusters: Clusters,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = SEED,
) -> Interval:
    """Estimate the interval of the mean of `values`, shape (tweets,)."""
    blocks = _draw_weights(clusters, resamples, seed)
    return _cut_tails(
        np.concatenate([weights @ values / weights.sum(axis=1) for weights in blocks]), confidence
    )


def _cut_tails(drawn: Floats, confidence: float) -> Interval:
    low, high = np.quantile(drawn, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def compute_scores_with_intervals(
    labels: Labels, probabilities: Floats, clusters: Clusters, decision_threshold: float
) -> dict[str, float]:
    """Compute scores and, beside each figure that has an interval, its ends: `auc_low`, `auc_high`."""
    figures = compute_scores(labels, probabilities, decision_threshold)
    for name, (low, high) in compute_intervals(labels, probabilities, clusters).items():
        figures |= {f"{name}_low": low, f"{name}_high": high}
    return figures


def _resample(labels: Labels, probabilities: Floats, clusters: Clusters) -> dict[str, Floats]:
    """Compute each figure once per resample, shape (RESAMPLES,); tweets come in ascending order of probability."""
    right = labels == (probabilities >= DECISION_THRESHOLD)
    sure = np.clip(np.where(labels, probabilities, 1 - probabilities), 1e-7, 1.0)
    firsts = np.flatnonzero(np.diff(probabilities, prepend=-1.0))  # first tweet of each distinct probability
    parts = []
    for weights in _draw_weights(clusters, RESAMPLES, SEED):
        drawn = weights.sum(axis=1)
        means = {"accuracy": weights @ right / drawn, "log_loss": weights @ -np.log(sure) / drawn}
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


def _draw_weights(clusters: Clusters, resamples: int, seed: int) -> Iterator[Floats]:
    """Draw as many clusters as there are; yield how often each tweet counts, in blocks of shape (rows, tweets)."""
    rng = np.random.default_rng(seed)
    names, places = np.unique(clusters, return_inverse=True)
    count = len(names)
    block = max(1, _AT_ONCE // len(places))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        drawn = rng.integers(0, count, (rows, count)) + count * np.arange(rows)[:, None]
        times = np.bincount(drawn.ravel(), minlength=rows * count).reshape(rows, count)
        yield times.astype(np.float64)[:, places]
