"""Which tweets train, which choose and which judge: the same for every contender."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from viral_common.errors import UsageError
from viral_common.evaluation.scores import FEWEST_OF_A_CLASS, has_enough_of_both
from viral_common.tweets.features import TweetInput
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet, stack_labels

How = Literal["time", "random"]

LEARNED = 0.8  # share of the tweets to learn from, validation included
FEWEST = 100


@dataclass(frozen=True)
class Parts:
    """Each in time order; validation is for choosing, test for nothing but the figures."""

    train: list[LabelledTweet]
    validation: list[LabelledTweet]
    test: list[LabelledTweet]

    @property
    def learned(self) -> list[LabelledTweet]:
        """Train and validation: what a contender may learn from once everything is chosen."""
        return [*self.train, *self.validation]

    def without_authors(self) -> Parts:
        """The same tweets, posted by nobody knows whom."""
        return Parts(*(each_input(part, untold) for part in (self.train, self.validation, self.test)))


def parted(tweets: Sequence[LabelledTweet], how: How, seed: int, likes_threshold: int) -> Parts:
    """The last 20% by time or a random 20% to test; of the others those to validate as production chooses them.

    `tweets` are in time order. Raises UsageError for too few tweets, or a part with hardly any tweet of one class.
    """
    if len(tweets) < FEWEST:
        raise UsageError(
            f"{len(tweets)} tweets are too few to compare on, {FEWEST} are needed; give a larger file"
        )
    order = np.arange(len(tweets)) if how == "time" else np.random.default_rng(seed).permutation(len(tweets))
    cut = int(LEARNED * len(tweets))
    learned, test = ([tweets[place] for place in np.sort(places)] for places in (order[:cut], order[cut:]))
    validates = [choose_split(compute_copy_hash(tweet.input.text)) == "validation" for tweet in learned]
    parts = Parts(
        train=[tweet for tweet, chosen in zip(learned, validates, strict=True) if not chosen],
        validation=[tweet for tweet, chosen in zip(learned, validates, strict=True) if chosen],
        test=test,
    )
    _check_classes(parts, likes_threshold)
    return parts


def untold(tweet: TweetInput) -> TweetInput:
    """As if nobody had said whose it is."""
    return replace(tweet, username=None, author=None)


def each_input(
    tweets: Sequence[LabelledTweet], change: Callable[[TweetInput], TweetInput]
) -> list[LabelledTweet]:
    """The tweets with their inputs changed."""
    return [replace(tweet, input=change(tweet.input)) for tweet in tweets]


def _check_classes(parts: Parts, likes_threshold: int) -> None:
    for name, tweets in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
        labels = stack_labels(tweets)
        if not has_enough_of_both(labels):
            raise UsageError(
                f"{int(labels.sum())} of {len(tweets)} {name} tweets have more than {likes_threshold} likes, at least "
                f"{FEWEST_OF_A_CLASS} with and without are needed; give another --threshold or more tweets"
            )
