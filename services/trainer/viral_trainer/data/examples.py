"""Turn labelled tweets into arrays: tokenised once, served in batches of like length."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tokenizers import Tokenizer
from torch import Tensor
from viral_common.artefact.files import FeatureScaling
from viral_common.artefact.tokens import TokenRows, choose_chunks_by_length, tokenise
from viral_common.tweets.features import FEATURES, compute_feature_matrix
from viral_common.tweets.tweet import LabelledTweet, stack_labels, take_inputs

from viral_trainer.data.views import View, hide_parts
from viral_trainer.devices import has_bfloat16

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
    known: NDArray[np.float32]  # (n, features), unscaled, all that is known
    features: NDArray[np.float32]  # (n, features), scaled, all that is known
    labels: NDArray[np.bool_]  # (n,)
    log_likes: NDArray[np.float32]  # (n,): log(1 + likes)
    authors: NDArray[np.object_]  # (n,) str: equal for tweets of one author; empty for an unknown one
    scaling: FeatureScaling
    empty: TokenRows  # a row: the tokens of a text without a word

    def __len__(self) -> int:
        return len(self.tokens)

    def take_newest(self, count: int) -> Examples:
        """Take the last `count`, of examples in time order."""
        if len(self) <= count:
            return self
        rows = np.arange(len(self) - count, len(self))
        columns: dict[str, Any] = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return replace(self, tokens=self.tokens.take(rows), **columns)

    def join(self, later: Examples) -> Examples:
        """Join later examples, which were scaled alike, to these."""
        columns: dict[str, Any] = {
            name: np.concatenate([getattr(self, name), getattr(later, name)]) for name in _COLUMNS
        }
        return replace(self, tokens=TokenRows.join([self.tokens, later.tokens]), **columns)

    def show(
        self, views: NDArray[np.intp] | View, content: NDArray[np.bool_] | bool = True
    ) -> NDArray[np.float32]:
        """Scale no more than `views`, (n,), show of each author, and what is posted where `content`, (n,), says so."""
        return self.scaling.scale_matrix(hide_parts(self.known, views, content))


_COLUMNS = ("known", "features", "labels", "log_likes", "authors")


@dataclass(frozen=True)
class Minibatch:
    """Hold what one step sees."""

    input_ids: Tensor  # (batch, tokens) int64
    attention_mask: Tensor  # (batch, tokens) int64
    features: Tensor  # (batch, features) float32
    labels: Tensor  # (batch,) float32, 0 or 1

    def __len__(self) -> int:
        return len(self.labels)

    def take_share(self, rank: int, size: int) -> tuple[Minibatch, float]:
        """Take the part of one of `size` processes, never none; with its weight, the mean over all is the batch's."""
        if size == 1:
            return self, 1.0
        count = len(range(rank, len(self), size))
        share = slice(rank, None, size) if count else slice(1)
        return Minibatch(*(getattr(self, one.name)[share] for one in fields(self))), count * size / len(self)

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
    known = compute_features(tweets) if features is None else features
    return Examples(
        tokens=tokenise(tokenizer, [tweet.input.text for tweet in tweets]),
        known=known,
        features=scaling.scale_matrix(known),
        labels=stack_labels(tweets),
        log_likes=np.log1p(np.array([tweet.like_count for tweet in tweets], np.float32)),
        authors=np.array([tweet.author_id for tweet in tweets], dtype=object),
        scaling=scaling,
        empty=tokenise(tokenizer, [""]),
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
