"""Hold the tweets that judge: those of the batch's test split, as both versions are asked about them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Self

from viral_common.evaluation.intervals import FEWEST_CLUSTERS, Clusters
from viral_common.evaluation.scores import Labels, explain_shortage
from viral_common.evaluation.within_author import freeze_authors
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import LabelledTweet, stack_authors, stack_labels, take_inputs

from viral_evaluator.settings import EvaluatorSettings

_TOO_FEW = "the batch has {} labelled test tweets, {} are needed (VIRAL_MIN_TEST_TWEETS)"
_TOO_FEW_AUTHORS = "the {} test tweets are by {} authors, {} are needed, so that no single account decides"


@dataclass(frozen=True)
class HeldOutTweets:
    """Hold labelled tweets that neither version has seen."""

    tweets: list[LabelledTweet]
    paired: list[LabelledTweet]
    """Those that tell an author's tweets apart: asked about once more, their authors as known at one moment."""

    @classmethod
    def from_tweets(cls, tweets: list[LabelledTweet]) -> Self:
        """Find the pairs."""
        return cls(tweets, freeze_authors(tweets))

    @cached_property
    def inputs(self) -> list[TweetInput]:
        """All that is to be scored: the tweets, then the paired ones."""
        return take_inputs([*self.tweets, *self.paired])

    @cached_property
    def labels(self) -> Labels:
        """Which of the tweets are viral, shape (tweets,)."""
        return stack_labels(self.tweets)

    @cached_property
    def authors(self) -> Clusters:
        """Equal for tweets of one author, shape (tweets,)."""
        return stack_authors(self.tweets)

    def explain_shortage(self, settings: EvaluatorSettings) -> str | None:
        """Explain to people why these can decide nothing; None if they can."""
        if len(self.tweets) < settings.min_test_tweets:
            return _TOO_FEW.format(len(self.tweets), settings.min_test_tweets)
        if (authors := int(self.authors.max()) + 1) < FEWEST_CLUSTERS:
            return _TOO_FEW_AUTHORS.format(len(self.tweets), authors, FEWEST_CLUSTERS)
        return explain_shortage(self.labels, "test", settings.likes_threshold)
