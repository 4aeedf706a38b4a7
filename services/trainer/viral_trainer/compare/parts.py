"""Split tweets into those that train, choose and judge: the same for every contender."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from viral_common.errors import UsageError
from viral_common.evaluation.scores import FEWEST_OF_A_CLASS, has_enough_of_both
from viral_common.tweets.features import TweetInput
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet, stack_labels

SplitBy = Literal["time", "random"]
Known = Literal["all", "followers", "no author", "followers alone"]

LEARNED = 0.8  # share of the tweets to learn from, validation included
FEWEST = 100


@dataclass(frozen=True)
class Parts:
    """Hold each part in time order; validation is for choosing, test for nothing but the figures."""

    train: list[LabelledTweet]
    validation: list[LabelledTweet]
    test: list[LabelledTweet]

    @property
    def learned(self) -> list[LabelledTweet]:
        """Train and validation: what a contender may learn from once everything is chosen."""
        return [*self.train, *self.validation]

    def hide(self, known: Known) -> Parts:
        """Hide what is not `known` of each tweet."""
        parts = (self.train, self.validation, self.test)
        return Parts(*([replace(one, input=hide(one.input, known)) for one in part] for part in parts))


def hide(tweet: TweetInput, known: Known) -> TweetInput:
    """Hide what is not `known` of a tweet and its author."""
    if known == "all":
        return tweet
    followers = tweet.profile.followers if tweet.profile and known != "no author" else None
    profile = None if followers is None else AuthorProfile(followers=followers)
    hidden = replace(tweet, username=None, author=None, profile=profile)
    return hidden.hide_content() if known == "followers alone" else hidden


def split_tweets(tweets: Sequence[LabelledTweet], by: SplitBy, seed: int, likes_threshold: int) -> Parts:
    """Take the last 20% by time or a random 20% to test; of the others those to validate as production does.

    `tweets` are in time order. Raises UsageError for too few tweets, or a part with hardly any tweet of one class.
    """
    if len(tweets) < FEWEST:
        raise UsageError(
            f"{len(tweets)} tweets are too few to compare on, {FEWEST} are needed; give a larger file"
        )
    order = np.arange(len(tweets)) if by == "time" else np.random.default_rng(seed).permutation(len(tweets))
    cut = int(LEARNED * len(tweets))
    learned, test = ([tweets[place] for place in np.sort(places)] for places in (order[:cut], order[cut:]))
    parts = Parts([], [], test)
    for tweet in learned:
        validates = choose_split(compute_copy_hash(tweet.input.text)) == "validation"
        (parts.validation if validates else parts.train).append(tweet)
    _check_classes(parts, likes_threshold)
    return parts


def _check_classes(parts: Parts, likes_threshold: int) -> None:
    for name, tweets in (("train", parts.train), ("validation", parts.validation), ("test", parts.test)):
        labels = stack_labels(tweets)
        if not has_enough_of_both(labels):
            raise UsageError(
                f"{int(labels.sum())} of {len(tweets)} {name} tweets have more than {likes_threshold} likes, at least "
                f"{FEWEST_OF_A_CLASS} with and without are needed; give another --threshold or more tweets"
            )
