"""Explain a probability: what each word adds, found by leaving it out. A hint, not a cause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import NamedTuple

from viral_common.tweets.features import TweetInput

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
    """Hold by how much the probability falls without the word; negative if it rises."""

    word: Word
    weight: float


def find_words(text: str, limit: int) -> list[Word]:
    """Find the first `limit` words."""
    return [Word(match.group(), *match.span()) for match in islice(_WORD.finditer(text), limit)]


@dataclass(frozen=True)
class Explanations:
    """Hold a call's tweets and the words that are weighed, scored as one batch."""

    tweets: Sequence[TweetInput]
    words: Sequence[Sequence[Word]]

    @classmethod
    def from_tweets(cls, tweets: Sequence[TweetInput]) -> Explanations:
        """Share the words that are weighed among the tweets of a call."""
        limit = min(WORDS_PER_TWEET, WORDS_PER_CALL // max(1, len(tweets)))
        return cls(tweets, [find_words(tweet.text, limit) for tweet in tweets])

    def build_batch(self) -> list[TweetInput]:
        """Build the tweets and, after them, each tweet once without each of its words."""
        variants = [
            replace(tweet, text=tweet.text[: word.start] + tweet.text[word.end :])
            for tweet, words in zip(self.tweets, self.words, strict=True)
            for word in words
        ]
        return [*self.tweets, *variants]

    def compute_weights(self, probabilities: Sequence[float]) -> list[list[WordWeight]]:
        """Compute each tweet's word weights from the probabilities of `build_batch()`."""
        without = iter(probabilities[len(self.tweets) :])
        return [
            [WordWeight(word, whole - next(without)) for word in words]
            for whole, words in zip(probabilities, self.words, strict=False)
        ]
