"""How tweets are spread over authors. Counts only: nobody is named."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viral_trainer.eda.facts.shares import Share, by_steps, share, step_labels, steps

STEPS = (1, 2, 3, 5, 10, 20, 50, 100)
EARLIER = (0, 1, 2, 5, 10, 20, 50, 100)


@dataclass(frozen=True)
class Group:
    """Authors with about as many tweets."""

    label: str
    authors: int
    tweets: int


@dataclass(frozen=True)
class Authors:
    """Authors by how much they post, and what their past goes with."""

    authors: int
    tweets: int
    groups: list[Group]
    busiest: int
    """Authors in the busiest hundredth, at least one."""
    by_busiest: float
    """Share of all tweets that the busiest hundredth posted."""
    new: Share
    known: Share
    by_earlier: list[Share]
    """By how many tweets of the author were collected before."""


def authors_of(authors: NDArray[np.int64], earlier: NDArray[np.int64], viral: NDArray[np.bool_]) -> Authors:
    """Of (n,) author numbers, n at least 1, and of how many tweets of the author came before each."""
    tweets = np.sort(np.unique(authors, return_counts=True)[1])[::-1]
    busiest = max(1, len(tweets) // 100)
    return Authors(
        authors=len(tweets),
        tweets=len(authors),
        groups=_groups(tweets),
        busiest=busiest,
        by_busiest=float(tweets[:busiest].sum() / tweets.sum()),
        new=share("new", viral[earlier == 0]),
        known=share("known", viral[earlier > 0]),
        by_earlier=by_steps(earlier, viral, EARLIER),
    )


def _groups(tweets: NDArray[np.int64]) -> list[Group]:
    """Of how many tweets each author posted."""
    places = steps(tweets, STEPS)
    groups = [
        Group(label, int((places == place).sum()), int(tweets[places == place].sum()))
        for place, label in enumerate(step_labels(STEPS))
    ]
    return [group for group in groups if group.authors]
