"""Define a recipe: a module with `train(parts, settings)`, imported only in the process that needs it.

It trains on `parts.train`, chooses on `parts.validation`, and never sees the test tweets. One file each, because memory
is measured in that process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import stack_labels, take_inputs

from viral_trainer.compare.parts import Parts

Predict = Callable[[Sequence[TweetInput]], NDArray[np.float64]]
"""Probabilities in the tweets' order, shape (tweets,)."""
Inputs = TypeVar("Inputs")
Read = Callable[[Sequence[TweetInput]], Inputs]
"""What a model is given of tweets."""


def read_parts(parts: Parts, read: Read[Inputs]) -> list[tuple[Inputs, NDArray[np.bool_]]]:
    """Read inputs and labels of the train tweets, of the validation tweets, and of both together."""
    learned = (parts.train, parts.validation, parts.learned)
    return [(read(take_inputs(tweets)), stack_labels(tweets)) for tweets in learned]


def build_predict(classifier: Any, read: Read[Any]) -> Predict:
    """Build the function that asks a scikit-learn classifier."""
    return lambda tweets: np.asarray(classifier.predict_proba(read(tweets))[:, 1])
