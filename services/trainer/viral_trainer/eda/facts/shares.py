"""Viral shares of groups of tweets, with how sure one can be of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan, sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

# A share of fewer tweets than this is shown as uncertain.
FEW = 30
CONFIDENCE = 0.95
Z = float(norm.ppf(0.5 + CONFIDENCE / 2))


@dataclass(frozen=True)
class Share:
    """A group of tweets and how many of them are viral."""

    label: str
    tweets: int
    viral: int

    @property
    def rate(self) -> float:
        """NaN without tweets."""
        return self.viral / self.tweets if self.tweets else nan

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's (1927), 95 %; everything from 0 to 1 without tweets."""
        if not self.tweets:
            return 0.0, 1.0
        # scipy's binomtest gives the same, but takes a thousand times as long over a p-value that nobody asks for.
        weight = Z**2 / self.tweets
        middle = (self.rate + weight / 2) / (1 + weight)
        reach = sqrt(self.rate * (1 - self.rate) * weight + weight**2 / 4) / (1 + weight)
        return max(0.0, middle - reach), min(1.0, middle + reach)


def share(label: str, viral: NDArray[np.bool_]) -> Share:
    """Of the tweets marked."""
    return Share(label, len(viral), int(viral.sum()))


def by_steps(values: NDArray[np.int64], viral: NDArray[np.bool_], starts: Sequence[int]) -> list[Share]:
    """A share from each start up to the next, the last one open.

    It begins early enough to hold FEW tweets, if three groups or more are left; no group before the first is empty.
    """
    starts = list(starts)
    while len(starts) > 2 and (values >= starts[-1]).sum() < FEW:
        starts.pop()
    places = steps(values, starts)
    shares = [share(label, viral[places == place]) for place, label in enumerate(step_labels(starts))]
    held = [place for place, one in enumerate(shares) if one.tweets]
    return shares[held[0] : held[-1] + 1] if held else []


def steps(values: NDArray[np.int64], starts: Sequence[int]) -> NDArray[np.int64]:
    """The place of the last start that is not above the value; -1 below the first."""
    return (np.searchsorted(starts, values, side="right") - 1).astype(np.int64)


def step_labels(starts: Sequence[int]) -> list[str]:
    """`0`, `1–4`, `5+` for 0, 1 and 5."""
    closed = [
        f"{start:,}" if following == start + 1 else f"{start:,}–{following - 1:,}"
        for start, following in pairwise(starts)
    ]
    return [*closed, f"{starts[-1]:,}+"]


def by_name(values: NDArray[np.object_], viral: NDArray[np.bool_]) -> list[Share]:
    """A share of each value, the most frequent first."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    return [
        share(str(names[place]), viral[values == names[place]])
        for place in np.argsort(-counts, kind="stable")
    ]
