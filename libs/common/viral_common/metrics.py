"""How good probabilities are, the same figures for training, evaluation and comparison."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, average_precision_score, f1_score, log_loss, roc_auc_score

from viral_common.artefact import DECISION_THRESHOLD

ECE_BINS = 10


def scores(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> dict[str, float]:
    """Figures over equally long arrays, never NaN: with one class only, `auc` and `average_precision` are left out."""
    if not len(labels):
        raise ValueError("no tweets to score")
    called = probabilities >= DECISION_THRESHOLD
    rate = float(labels.mean())
    figures = {
        "accuracy": accuracy_score(labels, called),
        "f1": f1_score(labels, called, zero_division=0.0),
        "log_loss": log_loss(labels, np.clip(probabilities, 1e-7, 1 - 1e-7), labels=[False, True]),
        "ece": calibration_error(labels, probabilities),
        "majority_accuracy": max(rate, 1 - rate),
    }
    if 0 < rate < 1:
        figures["auc"] = roc_auc_score(labels, probabilities)
        figures["average_precision"] = average_precision_score(labels, probabilities)
    return {name: float(value) for name, value in figures.items()}


def calibration_error(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> float:
    """Expected calibration error, ten equal bins (Guo et al. 2017): mean gap of stated and true rate."""
    bins = np.minimum((probabilities * ECE_BINS).astype(int), ECE_BINS - 1)
    stated = np.bincount(bins, weights=probabilities, minlength=ECE_BINS)
    true = np.bincount(bins, weights=labels.astype(np.float64), minlength=ECE_BINS)
    return float(np.abs(stated - true).sum() / len(labels))
