"""Score probabilities, by the same figures for training, evaluation and comparison."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from viral_common.artefact.files import DECISION_THRESHOLD

ECE_BINS = 10
# Fewer viral tweets than this, or fewer others, decide nothing (docs/decisions/0012).
FEWEST_OF_A_CLASS = 10

Labels = NDArray[np.bool_]
Floats = NDArray[np.float64]


def compute_scores(
    labels: Labels, probabilities: Floats, decision_threshold: float = DECISION_THRESHOLD
) -> dict[str, float]:
    """Compute figures over equally long arrays, never NaN: with one class only, ranking figures are left out.

    `accuracy` is of naming the likelier class; `precision`, `recall` and `f1` of calling viral what reaches
    `decision_threshold`. `average_precision` is to be compared with `viral_rate`, what chance reaches.
    """
    # Here, for a service that waits needs neither scikit-learn nor scipy: 70 MB.
    from sklearn.metrics import (
        accuracy_score,
        average_precision_score,
        f1_score,
        precision_score,
        recall_score,
        roc_auc_score,
    )

    if not len(labels):
        raise ValueError("no tweets to score")
    called = probabilities >= decision_threshold
    rate = float(labels.mean())
    figures = {
        "accuracy": accuracy_score(labels, probabilities >= DECISION_THRESHOLD),
        "precision": precision_score(labels, called, zero_division=0.0),
        "recall": recall_score(labels, called, zero_division=0.0),
        "f1": f1_score(labels, called, zero_division=0.0),
        "log_loss": _log_loss(labels, probabilities),
        "ece": compute_calibration_error(labels, probabilities),
        "viral_rate": rate,
        "majority_accuracy": max(rate, 1 - rate),
        "majority_log_loss": _log_loss(labels, np.full(len(labels), rate)),
    }
    if 0 < rate < 1:
        figures["auc"] = roc_auc_score(labels, probabilities)
        figures["average_precision"] = average_precision_score(labels, probabilities)
    return {name: float(value) for name, value in figures.items()}


def _log_loss(labels: Labels, probabilities: Floats) -> float:
    from sklearn.metrics import log_loss

    return float(log_loss(labels, np.clip(probabilities, 1e-7, 1 - 1e-7), labels=[False, True]))


def compute_calibration_error(labels: Labels, probabilities: Floats) -> float:
    """Compute the expected calibration error over ten equally full bins (Nguyen & O'Connor 2015).

    Bins of equal width would put all tweets into the first where viral ones are rare.
    """
    bins = find_bins(probabilities)
    gaps = np.bincount(bins, weights=probabilities - labels, minlength=ECE_BINS)
    return float(np.abs(gaps).sum() / len(labels))


def find_bins(probabilities: Floats) -> NDArray[np.intp]:
    """Find each tweet's bin, 0 to 9, of about equally many; equal probabilities share one."""
    edges = np.quantile(probabilities, np.linspace(0, 1, ECE_BINS + 1)[1:-1])
    return np.searchsorted(edges, probabilities, side="right")


def has_enough_of_both(labels: Labels) -> bool:
    """Check that there are viral tweets and others enough for a figure to mean something."""
    viral = int(labels.sum())
    return min(viral, len(labels) - viral) >= FEWEST_OF_A_CLASS


def explain_shortage(labels: Labels, name: str, likes_threshold: int) -> str | None:
    """Explain to people why these tweets, the `name` ones, can decide nothing; None if they can."""
    if has_enough_of_both(labels):
        return None
    return (
        f"{int(labels.sum()):,} of {len(labels):,} {name} tweets have more than {likes_threshold} likes, at least "
        f"{FEWEST_OF_A_CLASS} with and as many without are needed (VIRAL_LIKES_THRESHOLD, VIRAL_BATCH_SIZE)"
    )
