"""Compute the features beside the text: the one definition that training, evaluation and serving use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from viral_common.tweets.text import HASHTAG, MENTION, split_around_links

TWEET_FEATURES = (
    "created_at_dayofweek",
    "created_at_hour",
    "is_quote_tweet",
    "hashtags_count",
    "mentions_count",
    "word_count",
    "photos_count",
    "has_video",
    "urls_count",
)
AUTHOR_FEATURES = ("author_known", "author_tweets", "author_viral_share", "author_likes", "username_digits")
FEATURES = TWEET_FEATURES + AUTHOR_FEATURES


@dataclass(frozen=True, slots=True)
class AuthorHistory:
    """Hold what was known of an author before the tweet; all zero for one never seen (docs/decisions/0011)."""

    tweets: int = 0
    """Tweets posted earlier."""
    settled: int = 0
    """Of these, those old enough by then for their likes to be known."""
    viral: int = 0
    """Of the settled ones, those with more likes than the threshold."""
    log_likes: float = 0.0
    """Sum of log(1 + likes) over the settled ones."""


@dataclass(frozen=True, slots=True)
class TweetInput:
    """Hold all that a prediction may look at. `created_at` is aware; `text` is as its author typed it."""

    text: str
    created_at: datetime
    photos_count: int = 0
    has_video: bool = False
    is_quote_tweet: bool = False
    username: str | None = None
    author: AuthorHistory | None = None
    """None: nobody said whose tweet it is."""


@dataclass(frozen=True, slots=True)
class TextCounts:
    """Count what is in the text itself."""

    hashtags: int
    mentions: int
    words: int
    urls: int


# A gateway asks twice for each tweet: once to score it, once to show its features.
@lru_cache(maxsize=512)
def count_text(text: str) -> TextCounts:
    """Count links first and take them out, so that an address's `#` or `@` counts as neither."""
    pieces = split_around_links(text)
    return TextCounts(
        *count_signs(" ".join(pieces)), words=len(" ".join(pieces).split()), urls=len(pieces) - 1
    )


def count_signs(rest: str) -> tuple[int, int]:
    """Count the hashtags and mentions that a text without its links holds."""
    return (
        len(HASHTAG.findall(rest)) if "#" in rest or "＃" in rest else 0,
        len(MENTION.findall(rest)) if "@" in rest else 0,
    )


def compute_features(tweet: TweetInput) -> dict[str, int]:
    """Compute the tweet's own features by name; Monday is day 0, hours are UTC."""
    counts = count_text(tweet.text)
    at = tweet.created_at.astimezone(UTC)
    return {
        "created_at_dayofweek": at.weekday(),
        "created_at_hour": at.hour,
        "is_quote_tweet": int(tweet.is_quote_tweet),
        "hashtags_count": counts.hashtags,
        "mentions_count": counts.mentions,
        "word_count": counts.words,
        "photos_count": tweet.photos_count,
        "has_video": int(tweet.has_video),
        "urls_count": counts.urls,
    }


def compute_author_features(author: AuthorHistory | None, username: str | None) -> list[float]:
    """List them in the order of AUTHOR_FEATURES; NaN where the author is unknown."""
    if author is None:
        return [0.0, math.nan, math.nan, math.nan, math.nan]
    # One viral and one quiet tweet are added (Laplace), so that a single tweet does not say never or always.
    share = (author.viral + 1) / (author.settled + 2)
    # A name that ends in the digits the site proposes is seldom one that many follow.
    digits = float(sum(letter.isdigit() for letter in username or ""))
    return [1.0, math.log1p(author.tweets), share, author.log_likes / (author.settled + 1), digits]


def compute_feature_matrix(tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
    """Compute unscaled features, shape (tweets, 14), columns in the order of FEATURES; NaN where nothing is known."""
    rows = [
        [*compute_features(tweet).values(), *compute_author_features(tweet.author, tweet.username)]
        for tweet in tweets
    ]
    return np.array(rows, dtype=np.float32).reshape(len(tweets), len(FEATURES))
