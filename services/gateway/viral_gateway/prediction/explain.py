"""Why this probability: what each word adds, found by leaving it out. A hint, not a cause."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from viral_common.tweets.features import TweetInput

# Words looked at in one tweet, and tweets scored for the explanations of one call.
WORDS_PER_TWEET = 60
WORDS_PER_CALL = 2048

_WORD = re.compile(r"\S+")


@dataclass(frozen=True)
class Word:
    """A word and its place in the text, in characters (code points)."""

    text: str
    start: int
    end: int


@dataclass(frozen=True)
class WordWeight:
    """By how much the probability falls without the word; negative if it rises."""

    word: Word
    weight: float


def words_of(text: str, limit: int) -> list[Word]:
    """The first `limit` words."""
    found = (Word(match.group(), match.start(), match.end()) for match in _WORD.finditer(text))
    return [word for word, _ in zip(found, range(limit), strict=False)]


@dataclass(frozen=True)
class Explanations:
    """Every tweet of a call and, after them, each tweet once without each of its words: one batch to score."""

    tweets: Sequence[TweetInput]
    words: Sequence[Sequence[Word]]

    @classmethod
    def of(cls, tweets: Sequence[TweetInput]) -> Explanations:
        """Many tweets in one call share the words that are looked at."""
        limit = min(WORDS_PER_TWEET, WORDS_PER_CALL // max(1, len(tweets)))
        return cls(tweets, [words_of(tweet.text, limit) for tweet in tweets])

    def batch(self) -> list[TweetInput]:
        """The tweets, then the variants in order."""
        variants = [
            replace(tweet, text=tweet.text[: word.start] + tweet.text[word.end :])
            for tweet, words in zip(self.tweets, self.words, strict=True)
            for word in words
        ]
        return [*self.tweets, *variants]

    def weights(self, probabilities: Sequence[float]) -> list[list[WordWeight]]:
        """For each tweet its words with their weights, from the probabilities of `batch()`."""
        without = iter(probabilities[len(self.tweets) :])
        return [
            [WordWeight(word, whole - next(without)) for word in words]
            for whole, words in zip(probabilities, self.words, strict=False)
        ]
