"""Texts that occur more than once, up to links, mentions, case and spacing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Copies:
    """Groups of tweets with one text."""

    tweets: int
    copied: int
    """Tweets that share their text with another."""
    groups: int
    largest: int
    """Tweets in the largest group."""


def copies_of(texts: NDArray[np.int64]) -> Copies:
    """Of text hashes, (n,)."""
    sizes = np.unique(texts, return_counts=True)[1]
    groups = sizes[sizes > 1]
    return Copies(len(texts), int(groups.sum()), len(groups), int(sizes.max(initial=0)))
