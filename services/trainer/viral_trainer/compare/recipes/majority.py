"""No model at all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.features import TweetInput

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.settings import OfflineSettings


def learn(parts: Parts, _settings: OfflineSettings) -> Predict:
    """The share of viral tweets; so every tweet is called what most of them are."""
    share = float(np.mean([tweet.viral for tweet in parts.learned]))

    def predict(tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        return np.full(len(tweets), share)

    return predict
