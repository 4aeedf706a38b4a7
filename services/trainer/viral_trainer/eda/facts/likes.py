"""How many likes tweets have, and retweets and replies beside them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

QUANTILES = (0.25, 0.5, 0.75, 0.9, 0.95, 0.99)


@dataclass(frozen=True)
class Counts:
    """One kind of reaction: its quantiles, in the order of QUANTILES, and its extremes."""

    name: str
    none: float
    """Share of the tweets without any."""
    quantiles: tuple[int, ...]
    most: int
    total: int


@dataclass(frozen=True)
class Likes:
    """Tweets by their likes: none, then 1, 2–3, 4–7 and so on, each bin twice as wide as the one before."""

    none: int
    bins: list[tuple[int, int, int]]
    """First, last, tweets."""
    counts: list[Counts]
    """Of likes, retweets, replies."""

    @property
    def of_likes(self) -> Counts:
        """The quantiles that matter most."""
        return self.counts[0]


def likes_of(likes: NDArray[np.int64], retweets: NDArray[np.int64], replies: NDArray[np.int64]) -> Likes:
    """Of (n,) counts each, n at least 1."""
    # frexp counts binary digits exactly, where a logarithm may err at powers of two.
    tweets = np.bincount(np.frexp(likes.astype(np.float64))[1])
    bins = [(2 ** (digits - 1), 2**digits - 1, int(tweets[digits])) for digits in range(1, len(tweets))]
    named = {"likes": likes, "retweets": retweets, "replies": replies}
    return Likes(int(tweets[0]), bins, [_counts(name, values) for name, values in named.items()])


def _counts(name: str, values: NDArray[np.int64]) -> Counts:
    quantiles = np.quantile(values, QUANTILES, method="inverted_cdf")
    return Counts(
        name,
        none=float(np.mean(values == 0)),
        quantiles=tuple(int(value) for value in quantiles),
        most=int(values.max()),
        total=int(values.sum()),
    )
