"""Train boosted trees on what is known beside the text; what is unknown of an author is a way of its own in a tree."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from viral_common.tweets.features import TweetInput, compute_feature_matrix
from viral_common.tweets.tweet import take_inputs

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict, Read, build_predict, read_parts
from viral_trainer.settings import OfflineSettings

LEAVES = (7, 15, 31)
SMALLEST_LEAVES = (20, 100)
MOST_TREES = 1_000
PATIENCE = 30  # trees that may bring nothing before it stops


def train(parts: Parts, settings: OfflineSettings) -> Predict:
    """Train on all features."""
    return fit_trees(parts, settings, compute_feature_matrix)


def fit_trees(parts: Parts, settings: OfflineSettings, read: Read[NDArray[np.float32]]) -> Predict:
    """Choose leaves and number of trees on the validation tweets, then train on all learned tweets."""
    known = np.isfinite(read(take_inputs(parts.train))).any(axis=0)

    def read_known(tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
        return np.where(
            known, read(tweets), np.float32(0)
        )  # a column in which nothing is known cannot be cut

    (x, y), (x_val, y_val), (x_learned, y_learned) = read_parts(parts, read_known)
    tried = []
    for leaves in LEAVES:
        for smallest in SMALLEST_LEAVES:
            model = _make_model(settings.train_seed, leaves, smallest, MOST_TREES, early_stopping=True)
            model.fit(x, y, X_val=x_val, y_val=y_val)
            losses = [log_loss(y_val, answers[:, 1]) for answers in model.staged_predict_proba(x_val)]
            tried.append((min(losses), leaves, smallest, int(np.argmin(losses)) + 1))
    _, leaves, smallest, trees = min(tried)
    best = _make_model(settings.train_seed, leaves, smallest, trees, early_stopping=False)
    return build_predict(best.fit(x_learned, y_learned), read_known)


def _make_model(
    seed: int, leaves: int, smallest: int, trees: int, *, early_stopping: bool
) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_leaf_nodes=leaves,
        min_samples_leaf=smallest,
        l2_regularization=1.0,
        max_iter=trees,
        early_stopping=early_stopping,
        n_iter_no_change=PATIENCE,
        random_state=seed,
    )
