"""Train the shallow model: a logistic regression of the terms, then trees that see its score beside the features.

The trees must not see scores of tweets that the regression learned from: those look far surer than new ones will. So
each fold's tweets are scored by a regression that learned from the other folds' (stacking, Wolpert 1992).
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from threadpoolctl import threadpool_limits
from viral_common.artefact.tokens import TokenRows

from viral_trainer.data.examples import Examples
from viral_trainer.model.hashed_terms import TERM_BUCKETS, hash_next
from viral_trainer.model.text_trees import LONGEST_TERM, BoostedText
from viral_trainer.model.tree_layer import Trees

# The newest so many tweets: more gain little here, and their terms take a kilobyte each.
MOST_TWEETS = 200_000
INVERSE_PENALTY = 0.02  # of the regression
# How near to its best the regression comes; nearer takes twice as long and ranks no better.
TOLERANCE = 0.01
FOLDS = 5
# Share of tweets that hide their text's score, as others hide their author: else the trees lean on it alone.
UNKNOWN_TEXTS = 0.3


def fit_boosted_text(examples: Examples, hidden_authors: float, seed: int, threads: int = 1) -> BoostedText:
    """Train on these, of more than MOST_TWEETS in time order on the newest; a share of the authors is hidden."""
    examples = examples.take_newest(MOST_TWEETS)
    rng = np.random.default_rng(seed)
    terms, labels = _count_terms(examples.tokens), examples.labels
    rarity = _compute_rarity(terms)
    seen = np.unique(terms.indices)  # a column without an entry weighs nothing and takes time in each step
    terms = csr_array(terms.multiply(rarity))[:, seen]
    scores, term_weights = _fit_regressions(terms, labels, seed, threads)
    scores[rng.random(len(scores)) < UNKNOWN_TEXTS] = 0.0
    features = examples.hide_authors(rng.random(len(examples)) < hidden_authors).features
    found = BoostedText(
        Trees.from_scikit_learn(grow_trees(np.column_stack([features, scores]), labels, seed))
    )
    weights = np.zeros(TERM_BUCKETS)
    weights[seen] = term_weights * rarity[seen]
    found.terms.weights.copy_(torch.from_numpy(weights))
    return found.eval()


def choose_newest(train: Examples, validation: Examples) -> Examples:
    """Choose MOST_TWEETS at most of both splits, as large a share of each, so that both reach as far back."""
    share = min(1.0, MOST_TWEETS / (len(train) + len(validation)))
    of_validation = round(share * len(validation))
    of_train = round(share * (len(train) + len(validation))) - of_validation
    return train.take_newest(of_train).join(validation.take_newest(of_validation))


def grow_trees(
    inputs: NDArray[np.float32], labels: NDArray[np.bool_], seed: int
) -> HistGradientBoostingClassifier:
    """Grow trees on float32 (tweets, columns)."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=15,
        max_depth=6,
        min_samples_leaf=50,
        l2_regularization=1.0,
        max_features=0.5,
        early_stopping=False,
        random_state=seed,
    )
    # OpenMP's threads spin while they wait: with the cores busy otherwise two take fifty times as long as one.
    with threadpool_limits(1, user_api="openmp"):
        return model.fit(inputs, labels)


def _make_regression(seed: int) -> LogisticRegression:
    return LogisticRegression(C=INVERSE_PENALTY, solver="liblinear", tol=TOLERANCE, random_state=seed)


def _fit_regressions(
    terms: csr_array, labels: NDArray[np.bool_], seed: int, threads: int
) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    """Score each tweet by a regression that did not see it; return the weights of one that saw all, too."""
    scores = np.empty(len(labels), np.float32)

    def fit_fold(fold: tuple[NDArray[np.intp], NDArray[np.intp]]) -> NDArray[np.float64]:
        learned, held_out = fold
        weights: NDArray[np.float64] = _make_regression(seed).fit(terms[learned], labels[learned]).coef_[0]
        scores[held_out] = terms[held_out] @ weights
        return weights

    everything = np.arange(len(labels))
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed).split(terms, labels)
    with ThreadPoolExecutor(threads) as pool:
        of_all, *_ = pool.map(fit_fold, [(everything, everything[:0]), *folds])
    return scores, of_all


def _count_terms(tokens: TokenRows) -> csr_array:
    """Count how often each term is in each tweet, by the root of the number of its terms: (tweets, TERM_BUCKETS)."""
    ids, lengths = tokens.ids.astype(np.int64), tokens.lengths
    # The regression takes short indices alone.
    row = np.repeat(np.arange(len(tokens), dtype=np.int32), lengths)
    terms = ids % TERM_BUCKETS
    columns, rows = [terms], [row]
    for more in range(1, LONGEST_TERM):
        terms = hash_next(terms[:-1], ids[more:])
        within = row[:-more] == row[more:]
        columns.append(terms[within])
        rows.append(row[:-more][within])
    place = np.concatenate(rows)
    weight = 1 / np.sqrt(np.bincount(place, minlength=len(tokens)))
    entries = (weight[place].astype(np.float32), (place, np.concatenate(columns).astype(np.int32)))
    return csr_array(entries, shape=(len(tokens), TERM_BUCKETS))


def _compute_rarity(terms: csr_array) -> NDArray[np.float32]:
    """Compute the smoothed inverse document frequency of each term."""
    tweets = np.bincount(terms.indices, minlength=TERM_BUCKETS)
    return np.asarray(np.log((1 + terms.shape[0]) / (1 + tweets)) + 1, np.float32)
