"""Hold the test tweets of a batch as both versions are asked about them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from viral_common.evaluation.intervals import Clusters
from viral_common.evaluation.scores import Labels
from viral_common.evaluation.within_author import freeze_authors
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import LabelledTweet, stack_authors, stack_labels, take_inputs


@dataclass(frozen=True)
class HeldOutTweets:
    """Hold tweets that neither version has seen."""

    inputs: list[TweetInput]
    labels: Labels  # (tweets,)
    authors: Clusters  # (tweets,)
    paired: list[LabelledTweet]
    """Those by authors with tweets to tell apart: asked about once more, with what was known of them at one moment."""

    @classmethod
    def from_tweets(cls, tweets: Sequence[LabelledTweet]) -> Self:
        """Take them apart."""
        return cls(take_inputs(tweets), stack_labels(tweets), stack_authors(tweets), freeze_authors(tweets))
