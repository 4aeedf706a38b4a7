"""Boosted trees on what is known beside the text; authors' columns count if the tweets tell them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from viral_common.tweets.features import TweetInput, compute_feature_matrix
from viral_common.tweets.tweet import stack_labels, take_inputs

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.settings import OfflineSettings

LEAVES = (7, 15, 31)
SMALLEST_LEAVES = (20, 100)
MOST_TREES = 1_000
PATIENCE = 30  # trees that may bring nothing before it stops


def learn(parts: Parts, settings: OfflineSettings) -> Predict:
    """Leaves and number of trees are chosen on the validation tweets; then all learned tweets are used."""
    x, x_val, x_learned = (
        compute_feature_matrix(take_inputs(part)) for part in (parts.train, parts.validation, parts.learned)
    )
    y, y_val, y_learned = (stack_labels(part) for part in (parts.train, parts.validation, parts.learned))
    known = np.isfinite(x).any(axis=0)  # a column in which nothing was ever told cannot be cut

    tried = []
    for leaves in LEAVES:
        for smallest in SMALLEST_LEAVES:
            model = _model(settings.train_seed, leaves, smallest, MOST_TREES, early_stopping=True)
            model.fit(x[:, known], y, X_val=x_val[:, known], y_val=y_val)
            losses = [log_loss(y_val, stage[:, 1]) for stage in model.staged_predict_proba(x_val[:, known])]
            tried.append((min(losses), leaves, smallest, int(np.argmin(losses)) + 1))
    _, leaves, smallest, trees = min(tried)
    best = _model(settings.train_seed, leaves, smallest, trees, early_stopping=False)
    best.fit(x_learned[:, known], y_learned)

    def predict(tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        return np.asarray(best.predict_proba(compute_feature_matrix(tweets)[:, known])[:, 1])

    return predict


def _model(
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
