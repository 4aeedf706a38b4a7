"""Explain a probability: what is usual for the account, and what each word adds, found by leaving it out."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from viral_common.artefact.files import ArtefactSpec
from viral_common.tweets.features import TweetInput

from viral_gateway.prediction.noise import Scored, is_clear

# Words looked at in one tweet, and tweets scored for the explanations of one call.
WORDS_PER_TWEET = 60
WORDS_PER_CALL = 2048

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Word:
    """Hold a word and its place in the text, in characters (code points)."""

    text: str
    start: int
    end: int


class WordWeight(NamedTuple):
    """Hold by how much the probability falls without the word; negative if it rises. A hint, not a cause."""

    word: Word
    weight: float
    clear: bool
    """Whether that is more than noise."""


class Explanation(NamedTuple):
    """Hold the probability of a tweet by the same account of which nothing else is known, and what the words add."""

    usual: float
    clear: bool
    """Whether the tweet differs from the usual by more than noise."""
    weights: list[WordWeight]


def find_words(text: str, limit: int) -> list[Word]:
    """Find the first `limit` words."""
    return [Word(match.group(), *match.span()) for match in islice(_WORD.finditer(text), limit)]


@dataclass(frozen=True)
class Explanations:
    """Hold a call's tweets and the words that are weighed, to be scored as one batch."""

    tweets: Sequence[TweetInput]
    words: Sequence[Sequence[Word]]

    @classmethod
    def from_tweets(cls, tweets: Sequence[TweetInput]) -> Explanations:
        """Share the words that are weighed among the tweets of a call."""
        limit = min(WORDS_PER_TWEET, WORDS_PER_CALL // max(1, len(tweets)))
        return cls(tweets, [find_words(tweet.text, limit) for tweet in tweets])

    def build_batch(self) -> list[TweetInput]:
        """Build the tweets, then each with its content hidden, then each once without each of its words."""
        variants = [
            replace(tweet, text=tweet.text[: word.start] + tweet.text[word.end :])
            for tweet, words in zip(self.tweets, self.words, strict=True)
            for word in words
        ]
        return [*self.tweets, *(tweet.hide_content() for tweet in self.tweets), *variants]

    def compute_explanations(self, scores: Iterator[Scored], spec: ArtefactSpec) -> list[Explanation]:
        """Explain each tweet; takes as many `scores` as `build_batch()` has tweets."""
        wholes, usuals = ([next(scores) for _ in self.tweets] for _ in range(2))
        return [
            Explanation(
                usual.probability,
                is_clear(whole, usual, spec),
                [
                    WordWeight(word, whole.probability - less.probability, is_clear(whole, less, spec))
                    for word, less in zip(words, scores, strict=False)
                ],
            )
            for whole, usual, words in zip(wholes, usuals, self.words, strict=True)
        ]
