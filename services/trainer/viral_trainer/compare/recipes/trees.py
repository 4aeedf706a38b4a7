"""Train boosted trees on what is known beside the text; the author's columns count where authors are known."""

from __future__ import annotations

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss
from viral_common.tweets.features import compute_feature_matrix

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict, build_predict, read_parts
from viral_trainer.settings import OfflineSettings

LEAVES = (7, 15, 31)
SMALLEST_LEAVES = (20, 100)
MOST_TREES = 1_000
PATIENCE = 30  # trees that may bring nothing before it stops


def train(parts: Parts, settings: OfflineSettings) -> Predict:
    """Choose leaves and number of trees on the validation tweets, then train on all learned tweets."""
    (x, y), (x_val, y_val), (x_learned, y_learned) = read_parts(parts, compute_feature_matrix)
    known = np.isfinite(x).any(axis=0)  # a column in which nothing is known cannot be cut
    x, x_val = x[:, known], x_val[:, known]
    tried = []
    for leaves in LEAVES:
        for smallest in SMALLEST_LEAVES:
            model = _make_model(settings.train_seed, leaves, smallest, MOST_TREES, early_stopping=True)
            model.fit(x, y, X_val=x_val, y_val=y_val)
            losses = [log_loss(y_val, answers[:, 1]) for answers in model.staged_predict_proba(x_val)]
            tried.append((min(losses), leaves, smallest, int(np.argmin(losses)) + 1))
    _, leaves, smallest, trees = min(tried)
    best = _make_model(settings.train_seed, leaves, smallest, trees, early_stopping=False)
    best.fit(x_learned[:, known], y_learned)
    return build_predict(best, lambda tweets: compute_feature_matrix(tweets)[:, known])


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
