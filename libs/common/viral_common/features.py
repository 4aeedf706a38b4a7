"""The nine features beside the text: the one definition that training, evaluation and serving use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from viral_common.text import HASHTAG, LINK, MENTION

FEATURES = (
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


@dataclass(frozen=True, slots=True)
class TweetInput:
    """All that a prediction may look at. `created_at` is aware; `text` is as its author typed it."""

    text: str
    created_at: datetime
    photos_count: int = 0
    has_video: bool = False
    is_quote_tweet: bool = False
    username: str | None = None


@dataclass(frozen=True, slots=True)
class TextCounts:
    """What is counted in the text itself."""

    hashtags: int
    mentions: int
    words: int
    urls: int


def count_text(text: str) -> TextCounts:
    """Count links first and take them out, so that an address's `#` or `@` counts as neither."""
    rest, urls = LINK.subn(" ", text)
    return TextCounts(
        hashtags=len(HASHTAG.findall(rest)) if "#" in rest or "＃" in rest else 0,
        mentions=len(MENTION.findall(rest)) if "@" in rest else 0,
        words=len(rest.split()),
        urls=urls,
    )


def features_of(tweet: TweetInput) -> dict[str, int]:
    """The features by name; Monday is day 0, hours are UTC."""
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


def feature_matrix(tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
    """Unscaled features, shape (tweets, 9), columns in the order of FEATURES."""
    rows = [list(features_of(tweet).values()) for tweet in tweets]
    return np.array(rows, dtype=np.float32).reshape(len(tweets), len(FEATURES))
