"""Labels drawn from known probabilities: what a perfectly calibrated model would have to say of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Drawn = tuple[NDArray[np.bool_], NDArray[np.float64]]


def drawn_tweets(count: int, seed: int, mean: float = -0.5) -> Drawn:
    """Labels and probabilities of `count` tweets; a lower `mean` of the logits makes viral ones rarer."""
    rng = np.random.default_rng(seed)
    probabilities = 1 / (1 + np.exp(-rng.normal(mean, 1, count)))
    return rng.random(count) < probabilities, probabilities
