"""Make probabilities mean what they say: temperature and bias, fitted on validation tweets (Platt 1999)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from viral_common.artefact import Calibration

# A temperature within these bounds; beyond them the logits say nothing or everything. The bias must reach the
# log odds of the rarest class that is trained on, and undo the weight it had.
_LOG_TEMPERATURE = (-3.0, 3.0)
_BIAS = (-12.0, 12.0)


def fitted(logits: NDArray[np.float32], labels: NDArray[np.bool_]) -> Calibration:
    """The temperature and bias of least log loss on these."""
    signed = np.where(labels, 1.0, -1.0)
    precise = logits.astype(np.float64)

    def loss(parameters: NDArray[np.float64]) -> float:
        log_temperature, bias = parameters
        return float(np.logaddexp(0, -signed * (precise / np.exp(log_temperature) + bias)).mean())

    best = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=[_LOG_TEMPERATURE, _BIAS]).x
    return Calibration(temperature=float(np.exp(best[0])), bias=float(best[1]))
