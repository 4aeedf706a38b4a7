"""How each contender learns. One file each, imported only in the process that needs it: memory is measured there.

Each has `learn(parts, settings)`: it trains on `parts.train`, chooses on `parts.validation`, and never looks at the
test tweets.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.features import TweetInput

Predict = Callable[[Sequence[TweetInput]], NDArray[np.float64]]
"""Probabilities in the tweets' order, shape (tweets,)."""
