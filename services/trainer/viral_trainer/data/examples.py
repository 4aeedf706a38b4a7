"""Turn labelled tweets into arrays: tokenised once, served in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from viral_common.artefact.files import FeatureScaling
from viral_common.artefact.tokens import TokenRows, choose_chunks_by_length, tokenise
from viral_common.tweets.features import FEATURES, TWEET_FEATURES, TweetInput, compute_feature_matrix
from viral_common.tweets.tweet import LabelledTweet, stack_labels, take_inputs

from viral_trainer.devices import has_bfloat16

# Any tweet whose author is unknown.
ANONYMOUS = TweetInput("", datetime(2026, 1, 1, tzinfo=UTC))
# Batches of like length are cut from this many shuffled batches: little padding, still a random order.
POOL = 64
# Lengths are rounded up to this in bfloat16, whose kernels are compiled anew for every shape of a matrix.
LENGTHS = 8
# Tweets whose features are computed at once: as Python's numbers they take ten times the room.
FEATURES_AT_ONCE = 4096


@dataclass(frozen=True)
class Examples:
    """Hold tweets as the network reads them, all of length n."""

    tokens: TokenRows  # n rows of ids, each of its own length
    features: NDArray[np.float32]  # (n, features), scaled
    labels: NDArray[np.bool_]  # (n,)
    unknown_author: NDArray[np.float32]  # (features,): the author's columns of a tweet by nobody known

    def __len__(self) -> int:
        return len(self.tokens)

    def take_newest(self, count: int) -> Examples:
        """Take the last `count`, of examples in time order."""
        if len(self) <= count:
            return self
        rows = np.arange(len(self) - count, len(self))
        kept = self.tokens.take(rows)
        return replace(self, tokens=kept, features=self.features[rows], labels=self.labels[rows])

    def join(self, later: Examples) -> Examples:
        """Join later examples, which were scaled alike, to these."""
        return replace(
            self,
            tokens=TokenRows.join([self.tokens, later.tokens]),
            features=np.concatenate([self.features, later.features]),
            labels=np.concatenate([self.labels, later.labels]),
        )

    def hide_authors(self, hidden: NDArray[np.bool_]) -> Examples:
        """Hide the authors of the tweets marked in `hidden`, bool (n,)."""
        columns = np.arange(self.features.shape[1]) >= len(TWEET_FEATURES)
        return replace(self, features=np.where(hidden[:, None] & columns, self.unknown_author, self.features))


@dataclass(frozen=True)
class Minibatch:
    """Hold what one step sees."""

    input_ids: Tensor  # (batch, tokens) int64
    attention_mask: Tensor  # (batch, tokens) int64
    features: Tensor  # (batch, features) float32
    labels: Tensor  # (batch,) float32, 0 or 1

    def __len__(self) -> int:
        return len(self.labels)

    def copy_to(self, device: torch.device) -> Minibatch:
        """Copy it to a device, without waiting for it to arrive."""
        if device.type == "cpu":
            return self
        return Minibatch(
            *(getattr(self, one.name).pin_memory().to(device, non_blocking=True) for one in fields(self))
        )


def compute_features(tweets: Sequence[LabelledTweet]) -> NDArray[np.float32]:
    """Compute the tweets' features, (n, features), unscaled."""
    pieces = range(0, len(tweets), FEATURES_AT_ONCE)
    inputs = (take_inputs(tweets[start : start + FEATURES_AT_ONCE]) for start in pieces)
    return np.concatenate([compute_feature_matrix([]), *map(compute_feature_matrix, inputs)])


def fit_scaling(features: NDArray[np.float32]) -> FeatureScaling:
    """Fit mean and deviation of what is known; a constant column keeps its distance to its only value."""
    matrix = features.astype(np.float64)
    known = np.isfinite(matrix)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, matrix, 0.0).sum(axis=0) / count
    deviation = np.sqrt((np.where(known, matrix - mean, 0.0) ** 2).sum(axis=0) / count)
    scale = np.where(deviation > 0, deviation, 1.0)
    return FeatureScaling(names=FEATURES, mean=tuple(mean), scale=tuple(scale))


def make_examples(
    tweets: Sequence[LabelledTweet],
    tokenizer: Tokenizer,
    scaling: FeatureScaling,
    features: NDArray[np.float32] | None = None,
) -> Examples:
    """Tokenise and scale, once for all epochs; `features`: those of `compute_features`, if they are there."""
    return Examples(
        tokens=tokenise(tokenizer, [tweet.input.text for tweet in tweets]),
        features=scaling.scale_matrix(compute_features(tweets) if features is None else features),
        labels=stack_labels(tweets),
        unknown_author=scaling.scale_matrix(compute_feature_matrix([ANONYMOUS]))[0],
    )


def draw_shuffled_batches(examples: Examples, size: int, rng: np.random.Generator) -> Iterator[Minibatch]:
    """Draw one epoch in random order, each tweet once; the tweets of a batch are sorted by length."""
    order = rng.permutation(len(examples))
    for start in range(0, len(order), size * POOL):
        pool = order[start : start + size * POOL]
        chunks = list(choose_chunks_by_length(examples.tokens.count_tokens(pool), size))
        for index in rng.permutation(len(chunks)):
            yield make_minibatch(examples, pool[chunks[index]])


def make_minibatch(examples: Examples, rows: NDArray[np.intp]) -> Minibatch:
    """Pad these rows to the longest of them."""
    input_ids, attention_mask = examples.tokens.pad_rows(rows, LENGTHS if has_bfloat16() else 1)
    return Minibatch(
        input_ids=torch.from_numpy(input_ids),
        attention_mask=torch.from_numpy(attention_mask),
        features=torch.from_numpy(examples.features[rows]),
        labels=torch.from_numpy(examples.labels[rows].astype(np.float32)),
    )
