"""Hold many tweets as columns for statistics: arrays instead of objects, numbers instead of names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields
from itertools import islice
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from viral_common.tweets.features import FEATURES, TweetInput, compute_feature_matrix
from viral_common.tweets.text import Split

ROWS_AT_ONCE = 10_000


class DescribedTweet(NamedTuple):
    """Hold a labelled tweet with what is stored beside its features."""

    input: TweetInput
    like_count: int
    retweet_count: int
    reply_count: int
    author_id: str
    language: str
    text_hash: int
    split: Split
    batch: int
    """Its batch's place among those asked for."""


@dataclass(frozen=True)
class TweetColumns:
    """Hold tweets of one source as columns of equal length n, without anybody's name beside the texts."""

    texts: NDArray[np.object_]  # (n,) str
    posted_at: NDArray[np.datetime64]  # (n,) UTC, in seconds
    features: NDArray[np.float32]  # (n, features), in the order of FEATURES; NaN where nothing is known
    likes: NDArray[np.int64]  # (n,)
    retweets: NDArray[np.int64]  # (n,)
    replies: NDArray[np.int64]  # (n,)
    authors: NDArray[np.int64]  # (n,), equal for tweets of the same author and else without meaning
    earlier: NDArray[np.int64]  # (n,) tweets of the same author that were posted before
    languages: NDArray[np.object_]  # (n,) str
    copies: NDArray[np.int64]  # (n,), equal for copies of one text
    splits: NDArray[np.object_]  # (n,) train, validation or test
    batches: NDArray[np.int64]  # (n,) places among the batches asked for

    @classmethod
    def from_tweets(cls, tweets: Iterable[DescribedTweet]) -> Self:
        """Read once, a piece at a time."""
        numbers: dict[str, int] = {}
        pieces = [_build_piece(rows, numbers) for rows in _split_into_pieces(tweets)] or [
            _build_piece([], numbers)
        ]
        return cls(**{name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]})

    def __len__(self) -> int:
        return len(self.likes)

    def select(self, rows: NDArray[np.bool_]) -> TweetColumns:
        """Select the tweets marked in `rows`, bool (n,)."""
        return TweetColumns(**{field.name: getattr(self, field.name)[rows] for field in fields(self)})

    def get_feature(self, name: str) -> NDArray[np.float32]:
        """Get one column of the features, (n,)."""
        return self.features[:, FEATURES.index(name)]


def _split_into_pieces(tweets: Iterable[DescribedTweet]) -> Iterator[list[DescribedTweet]]:
    stream = iter(tweets)
    while piece := list(islice(stream, ROWS_AT_ONCE)):
        yield piece


def _build_piece(rows: list[DescribedTweet], numbers: dict[str, int]) -> dict[str, NDArray[np.generic]]:
    inputs = [row.input for row in rows]
    return {
        "texts": np.array([tweet.text for tweet in inputs], dtype=object),
        # Aware times are no business of numpy's: seconds since 1970 are.
        "posted_at": np.array([int(tweet.created_at.timestamp()) for tweet in inputs], dtype="datetime64[s]"),
        "features": compute_feature_matrix(inputs),
        "likes": np.array([row.like_count for row in rows], dtype=np.int64),
        "retweets": np.array([row.retweet_count for row in rows], dtype=np.int64),
        "replies": np.array([row.reply_count for row in rows], dtype=np.int64),
        "authors": np.array(
            [numbers.setdefault(row.author_id, len(numbers)) for row in rows], dtype=np.int64
        ),
        "earlier": np.array([tweet.author.tweets if tweet.author else 0 for tweet in inputs], dtype=np.int64),
        "languages": np.array([row.language for row in rows], dtype=object),
        "copies": np.array([row.text_hash for row in rows], dtype=np.int64),
        "splits": np.array([row.split for row in rows], dtype=object),
        "batches": np.array([row.batch for row in rows], dtype=np.int64),
    }
