"""Make probabilities mean what they say: temperature and bias, fitted on validation tweets (Platt 1999)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from viral_common.artefact.files import Calibration

# The hottest a model gets: logits that say nothing, or the opposite, would have an infinite or negative temperature.
LEAST_WEIGHT = float(np.exp(-3.0))


def fit_calibration(logits: NDArray[np.float32], labels: NDArray[np.bool_]) -> Calibration:
    """Fit the temperature and bias of least log loss on these, (n,)."""
    return fit_blend(logits, np.zeros_like(logits), labels)[1]


def fit_blend(
    deep: NDArray[np.float32], shallow: NDArray[np.float32], labels: NDArray[np.bool_]
) -> tuple[float, Calibration]:
    """Fit the share of least log loss of `deep + share * shallow`, each (n,), and that sum's temperature and bias."""
    inputs = np.column_stack([deep, shallow]).astype(np.float64)
    regression = LogisticRegression(C=np.inf, tol=1e-6, max_iter=1000).fit(inputs, labels)
    deep_weight, shallow_weight = map(float, regression.coef_[0])
    if shallow_weight < 0:
        return fit_blend(deep, np.zeros_like(deep), labels)
    deep_weight = max(deep_weight, LEAST_WEIGHT)
    calibration = Calibration(temperature=1 / deep_weight, bias=float(regression.intercept_[0]))
    return shallow_weight / deep_weight, calibration
