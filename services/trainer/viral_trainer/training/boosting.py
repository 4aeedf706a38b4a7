"""Train the shallow model: a logistic regression of the terms, then trees that see its score beside the features.

The trees must not see scores of tweets that the regression learned from: those look far surer than new ones will. So
each fold's tweets are scored by a regression that learned from the other folds' (stacking, Wolpert 1992).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, StratifiedKFold
from threadpoolctl import threadpool_limits
from viral_common.artefact.tokens import TokenRows
from viral_common.tweets.features import FEATURES, TWEET_FEATURES
from viral_common.tweets.tweet import number_authors

from viral_trainer.data.examples import Examples
from viral_trainer.data.views import draw_hiding_views
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
# Share of those of which something is hidden that hide all but the author.
UNKNOWN_CONTENT = 0.1
# More followers never make likes less likely: costs no accuracy, and spares people a riddle.
RISING = [FEATURES.index("author_followers"), FEATURES.index("author_followers_to_following")]
# With fewer tweets of authors who have several, what a tweet adds to its author's usual likes is not learned.
FEWEST_REPEATED = 200


def fit_boosted_text(
    examples: Examples, seed: int, threads: int = 1
) -> tuple[BoostedText, Callable[[], NDArray[np.float64]]]:
    """Train on these, of more than MOST_TWEETS in time order on the newest.

    Return, too, what computes by how much each of these tweets gains, (n,), by trees that do not know its author.
    """
    examples = examples.take_newest(MOST_TWEETS)
    rng = np.random.default_rng(seed)
    terms = _count_terms(examples.tokens)
    rarity = _compute_rarity(terms)
    seen = np.unique(terms.indices)  # a column without an entry weighs nothing and takes time in each step
    terms = csr_array(terms.multiply(rarity))[:, seen]
    scores, term_weights = _fit_regressions(terms, examples.labels, seed, threads)
    weights = np.zeros(TERM_BUCKETS)
    weights[seen] = term_weights * rarity[seen]
    of_nothing = float((_count_terms(examples.empty) @ weights)[0])

    # Each tweet twice: with all that is known, and with something of it hidden.
    views, both = draw_hiding_views(rng, len(examples)), np.tile(np.arange(len(examples)), 2)
    content = rng.random(len(examples)) >= UNKNOWN_CONTENT
    features = np.concatenate([examples.features, examples.show(views, content)])
    hidden = rng.random(len(both)) < UNKNOWN_TEXTS
    hidden[len(examples) :] |= ~content
    texts = np.where(hidden, of_nothing, scores[both])
    own, author = np.split(features, [len(TWEET_FEATURES)], axis=1)
    log_likes = examples.log_likes - (mean := examples.log_likes.mean())
    gains, repeated = compute_gains(examples)
    trees = grow_trees(np.column_stack([features, texts]), examples.labels[both], seed, RISING)
    account = grow_like_trees(author, log_likes[both], seed)
    inputs, rows = np.column_stack([own, texts]), np.flatnonzero(repeated[both])
    gain = grow_like_trees(inputs[rows], gains[both[rows]], seed, leaves=8)
    found = BoostedText(*map(Trees.from_scikit_learn, (trees, account, gain)))
    found.terms.weights.copy_(torch.from_numpy(weights))
    found.mean_log_likes.fill_(float(mean))

    plain = np.column_stack([own[: len(examples)], scores])
    return found.eval(), partial(
        _predict_by_others, plain, gains, repeated, number_authors(examples.authors.tolist()), seed
    )


def _predict_by_others(
    inputs: NDArray[np.float32],
    gains: NDArray[np.float32],
    repeated: NDArray[np.bool_],
    authors: NDArray[np.intp],
    seed: int,
) -> NDArray[np.float64]:
    """Predict each tweet's gain by trees that learned from other authors alone; zero where there are too few."""
    found = np.zeros(len(inputs))
    if len(np.unique(authors[repeated])) < FOLDS:
        return found
    for learned, asked in GroupKFold(FOLDS, shuffle=True, random_state=seed).split(inputs, groups=authors):
        rows = learned[repeated[learned]]
        found[asked] = grow_like_trees(inputs[rows], gains[rows], seed, leaves=8).predict(inputs[asked])
    return found


def compute_gains(examples: Examples) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Compute by how much each tweet's log(1 + likes) exceed its author's mean, (n,), and mark authors with several.

    A mean of few is near each of them: the differences are widened by what that takes from their spread. If too few
    authors have several, all are marked, and what differs is nothing.
    """
    author = number_authors(examples.authors.tolist())
    count = np.bincount(author)
    mean = np.bincount(author, examples.log_likes) / count
    repeated = count[author] > 1
    widened = np.sqrt(count / np.maximum(count - 1, 1))
    gains = np.where(repeated, (examples.log_likes - mean[author]) * widened[author], 0.0)
    if repeated.sum() < FEWEST_REPEATED:
        return np.zeros(len(examples), np.float32), np.ones(len(examples), np.bool_)
    return gains.astype(np.float32), repeated


def choose_newest(train: Examples, validation: Examples) -> Examples:
    """Choose MOST_TWEETS at most of both splits, as large a share of each, so that both reach as far back."""
    share = min(1.0, MOST_TWEETS / (len(train) + len(validation)))
    of_validation = round(share * len(validation))
    of_train = round(share * (len(train) + len(validation))) - of_validation
    return train.take_newest(of_train).join(validation.take_newest(of_validation))


def grow_trees(
    inputs: NDArray[np.float32], labels: NDArray[np.bool_], seed: int, rising: Sequence[int] = ()
) -> HistGradientBoostingClassifier:
    """Grow trees on float32 (tweets, columns); where a column of `rising` rises, so does what they say, or stays."""
    model = HistGradientBoostingClassifier(
        learning_rate=0.05,
        max_iter=200,
        max_leaf_nodes=15,
        max_depth=6,
        min_samples_leaf=50,
        l2_regularization=1.0,
        max_features=0.5,
        monotonic_cst=np.isin(np.arange(inputs.shape[1]), rising).astype(int),
        early_stopping=False,
        random_state=seed,
    )
    # OpenMP's threads spin while they wait: with the cores busy otherwise two take fifty times as long as one.
    with threadpool_limits(1, user_api="openmp"):
        return model.fit(inputs, labels)


def grow_like_trees(
    inputs: NDArray[np.float32], log_likes: NDArray[np.float32], seed: int, leaves: int = 15
) -> HistGradientBoostingRegressor:
    """Grow trees that add up to log(1 + likes), or to what of it is left, on float32 (tweets, columns)."""
    model = HistGradientBoostingRegressor(
        learning_rate=0.05,
        max_iter=100,
        max_leaf_nodes=leaves,
        min_samples_leaf=50,
        l2_regularization=1.0,
        early_stopping=False,
        random_state=seed,
    )
    with threadpool_limits(1, user_api="openmp"):
        return model.fit(inputs, log_likes)


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
