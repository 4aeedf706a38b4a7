"""Train boosted trees on the author's followers alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from viral_common.tweets.features import FEATURES, TweetInput, compute_feature_matrix

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.compare.recipes.trees import fit_trees
from viral_trainer.settings import OfflineSettings

COLUMN = FEATURES.index("author_followers")


def train(parts: Parts, settings: OfflineSettings) -> Predict:
    """Train on the one column; where a file tells no followers, this says the same of every tweet."""
    return fit_trees(parts, settings, read_followers)


def read_followers(tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
    """Read their logarithm, shape (tweets, 1); NaN where they are unknown."""
    return compute_feature_matrix(tweets)[:, [COLUMN]]
