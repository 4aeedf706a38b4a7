"""Measure how far expected likes may be off, and which drafts of one author can be told apart."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from viral_common.artefact.likes import DraftsSpec, LikesSpec
from viral_common.evaluation.within_author import FEWEST_AUTHORS, find_pairs
from viral_common.tweets.tweet import LabelledTweet, stack_authors

from viral_trainer.data.examples import Examples, make_minibatch
from viral_trainer.model.text_trees import BoostedText

# Levels of expected likes, each of about as many tweets, whose likes are looked at by themselves.
LEVELS = 8
TAIL = 0.1  # on each side: the interval is of 80%
ROWS_AT_ONCE = 256
RESAMPLES = 400
SEED = 20_260_101


@torch.inference_mode()
def predict_log_likes(model: BoostedText, examples: Examples) -> NDArray[np.float64]:
    """Predict log(1 + likes) with all that is known, (n,)."""
    found = np.empty(len(examples))
    for start in range(0, len(examples), ROWS_AT_ONCE):
        rows = np.arange(start, min(start + ROWS_AT_ONCE, len(examples)))
        batch = make_minibatch(examples, rows)
        text = model.read(batch.input_ids, batch.attention_mask)
        found[rows] = model.predict_log_likes(*text, batch.features).numpy()
    return found


def measure_likes(expected: NDArray[np.float64], log_likes: NDArray[np.float32]) -> LikesSpec:
    """Measure what tweets got of which about as many likes were expected, both (n,) as log(1 + likes)."""
    order = np.argsort(expected, kind="stable")
    parts = [part for part in np.array_split(order, min(LEVELS, len(order))) if len(part)]
    low, high = (
        np.maximum.accumulate([float(np.quantile(log_likes[part], tail)) for part in parts])
        for tail in (TAIL, 1 - TAIL)
    )
    levels = tuple(float(expected[part].mean()) for part in parts)
    return LikesSpec(levels=levels, low=tuple(low.tolist()), high=tuple(high.tolist()))


def measure_drafts(tweets: Sequence[LabelledTweet], gains: NDArray[np.float64]) -> DraftsSpec | None:
    """Measure how well the `gains`, (n,), of models that did not know the author order each author's tweets.

    The slope is that of a logistic regression after its first step from zero: near enough as long as differences say
    little. Every author weighs the same. None if too few authors have tweets to compare.
    """
    authors = stack_authors(tweets)
    count = int(authors.max(initial=-1)) + 1
    pairs, differences, squares = np.zeros((3, count))
    for _, better, worse in find_pairs(tweets):
        ahead = gains[better] - gains[worse]
        pairs += np.bincount(authors[better], minlength=count)
        differences += np.bincount(authors[better], ahead, count)
        squares += np.bincount(authors[better], ahead**2, count)
    known = pairs > 0
    if (number := int(known.sum())) < FEWEST_AUTHORS:
        return None
    differences, squares = differences[known] / pairs[known], squares[known] / pairs[known]
    if not squares.any():  # every gain is the same
        return DraftsSpec(slope=0.0, slope_low=0.0, authors=number)
    weights = np.random.default_rng(SEED).multinomial(number, np.full(number, 1 / number), RESAMPLES)
    drawn = 2 * (weights @ differences) / np.maximum(weights @ squares, 1e-12)
    slope, slope_low = 2 * differences.sum() / squares.sum(), np.quantile(drawn, 0.025)
    return DraftsSpec(slope=max(0.0, float(slope)), slope_low=max(0.0, float(slope_low)), authors=number)
