"""From labelled tweets to arrays: tokenised once, served in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from viral_common.artefact import FeatureScaling
from viral_common.features import FEATURES, TWEET_FEATURES, TweetInput, feature_matrix
from viral_common.tokens import Tokens, chunks_by_length, padded, tokenised
from viral_common.tweets import LabelledTweet

# Any tweet whose author nobody told.
NOBODYS = TweetInput("", datetime(2026, 1, 1, tzinfo=UTC))
# Batches of like length are cut from this many shuffled batches: little padding, still a random order.
POOL = 64


@dataclass(frozen=True)
class Examples:
    """Tweets as the network reads them, all of length n."""

    tokens: list[Tokens]  # n arrays of ids, each of its own length
    features: NDArray[np.float32]  # (n, features), scaled
    labels: NDArray[np.bool_]  # (n,)
    untold: NDArray[
        np.float32
    ]  # (features,): what the author's columns say when nobody told whose tweet it is

    def __len__(self) -> int:
        return len(self.tokens)

    def without(self, hidden: NDArray[np.bool_]) -> Examples:
        """The same tweets with the authors of the `hidden` ones, bool (n,), untold."""
        columns = np.arange(self.features.shape[1]) >= len(TWEET_FEATURES)
        return replace(self, features=np.where(hidden[:, None] & columns, self.untold, self.features))


@dataclass(frozen=True)
class Minibatch:
    """What one step sees."""

    input_ids: Tensor  # (batch, tokens) int64
    attention_mask: Tensor  # (batch, tokens) int64
    features: Tensor  # (batch, features) float32
    labels: Tensor  # (batch,) float32, 0 or 1


def scaling_of(tweets: Sequence[LabelledTweet]) -> FeatureScaling:
    """Mean and deviation of what is known; a constant column keeps its distance to its only value."""
    matrix = feature_matrix([tweet.input for tweet in tweets]).astype(np.float64)
    known = np.isfinite(matrix)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, matrix, 0.0).sum(axis=0) / count
    deviation = np.sqrt((np.where(known, matrix - mean, 0.0) ** 2).sum(axis=0) / count)
    scale = np.where(deviation > 0, deviation, 1.0)
    return FeatureScaling(names=FEATURES, mean=tuple(mean), scale=tuple(scale))


def examples_of(tweets: Sequence[LabelledTweet], tokenizer: Tokenizer, scaling: FeatureScaling) -> Examples:
    """Tokenise and scale, once for all epochs."""
    return Examples(
        tokens=tokenised(tokenizer, [tweet.input.text for tweet in tweets]),
        features=scaling.scaled(feature_matrix([tweet.input for tweet in tweets])),
        labels=np.array([tweet.viral for tweet in tweets], dtype=np.bool_),
        untold=scaling.scaled(feature_matrix([NOBODYS]))[0],
    )


def shuffled_batches(examples: Examples, size: int, rng: np.random.Generator) -> Iterator[Minibatch]:
    """One epoch in random order, each tweet once."""
    order = rng.permutation(len(examples))
    for start in range(0, len(order), size * POOL):
        pool = order[start : start + size * POOL]
        chunks = list(chunks_by_length([examples.tokens[row] for row in pool], size))
        for index in rng.permutation(len(chunks)):
            yield minibatch(examples, pool[chunks[index]])


def minibatch(examples: Examples, rows: NDArray[np.intp]) -> Minibatch:
    """These rows, padded to the longest of them."""
    input_ids, attention_mask = padded([examples.tokens[row] for row in rows])
    return Minibatch(
        input_ids=torch.from_numpy(input_ids),
        attention_mask=torch.from_numpy(attention_mask),
        features=torch.from_numpy(examples.features[rows]),
        labels=torch.from_numpy(examples.labels[rows].astype(np.float32)),
    )
