"""Make probabilities mean what they say: temperature and bias, fitted on validation tweets (Platt 1999)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from viral_common.artefact.files import Calibration

# A temperature within these bounds; beyond them the logits say nothing or everything. The bias must reach the
# log odds of the rarest class that is trained on, and undo the weight it had.
_LOG_TEMPERATURE = (-3.0, 3.0)
_BIAS = (-12.0, 12.0)


# How much the shallow model may count beside the deep one.
_SHARE = (0.0, 20.0)


def fitted(logits: NDArray[np.float32], labels: NDArray[np.bool_]) -> Calibration:
    """The temperature and bias of least log loss on these, (n,)."""
    _, calibration = fitted_sum(logits, np.zeros_like(logits), labels)
    return calibration


def fitted_sum(
    deep: NDArray[np.float32], shallow: NDArray[np.float32], labels: NDArray[np.bool_]
) -> tuple[float, Calibration]:
    """The share of least log loss of `deep + share * shallow`, each (n,), and that sum's temperature and bias."""
    signed = np.where(labels, 1.0, -1.0)
    first, second = deep.astype(np.float64), shallow.astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> float:
        log_temperature, bias, share = parameters
        scaled = (first + share * second) / np.exp(log_temperature) + bias
        return float(np.logaddexp(0, -signed * scaled).mean())

    bounds = [_LOG_TEMPERATURE, _BIAS, _SHARE]
    log_temperature, bias, share = minimize(loss, np.zeros(3), method="L-BFGS-B", bounds=bounds).x
    return float(share), Calibration(temperature=float(np.exp(log_temperature)), bias=float(bias))
