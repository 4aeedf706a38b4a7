"""Make probabilities mean what they say: temperature and bias, fitted on validation tweets (Platt 1999)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from viral_common.artefact.files import Calibration

# The hottest a model gets: logits that say nothing, or the opposite, would have an infinite or negative temperature.
LEAST_WEIGHT = float(np.exp(-3.0))


class Shares(NamedTuple):
    """Hold how much each part of a logit counts."""

    deep: float
    known: tuple[float, ...]  # added to the deep share by what is known
    trees: float


def fit_calibration(logits: NDArray[np.float32], labels: NDArray[np.bool_]) -> Calibration:
    """Fit the temperature and bias of least log loss on these, (n,)."""
    (weight,), bias = _fit(logits[:, None], labels)
    return Calibration(temperature=1 / max(weight, LEAST_WEIGHT), bias=bias)


def fit_blend(
    deep: NDArray[np.float32],
    shallow: NDArray[np.float32],
    known: NDArray[np.float32],
    labels: NDArray[np.bool_],
) -> tuple[Shares, Calibration]:
    """Fit the shares of least log loss on these, (n,), and the bias of the blended logits; `known`: (n, 2)."""
    shares, bias = _fit(np.column_stack([deep, deep[:, None] * known, shallow]), labels)
    if shares[-1] < 0:  # trees that say the opposite of what is
        return fit_blend(deep, np.zeros_like(shallow), known, labels)
    return Shares(shares[0], tuple(shares[1:-1]), shares[-1]), Calibration(bias=bias)


def _fit(inputs: NDArray[np.float32], labels: NDArray[np.bool_]) -> tuple[list[float], float]:
    regression = LogisticRegression(C=np.inf, tol=1e-6, max_iter=1000).fit(inputs.astype(np.float64), labels)
    return regression.coef_[0].tolist(), float(regression.intercept_[0])
