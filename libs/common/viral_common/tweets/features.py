"""Compute the features beside the text: the one definition that training, evaluation and serving use."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from viral_common.tweets.profile import AuthorProfile
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
HISTORY_FEATURES = ("author_known", "author_tweets", "author_viral_share", "author_likes", "username_digits")
# Logarithms, but for whether anything is known and whether the author is verified.
PROFILE_FEATURES = (
    "profile_known",
    "author_followers",
    "author_following",
    "author_posts",
    "author_favourites",
    "author_listed",
    "author_verified",
    "author_age",
    "author_followers_to_following",
    "author_favourites_to_posts",
)
AUTHOR_FEATURES = HISTORY_FEATURES + PROFILE_FEATURES
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


class KnownAuthor(NamedTuple):
    """Hold all that was known of an author at one moment; nothing of one never seen."""

    history: AuthorHistory = AuthorHistory()
    profile: AuthorProfile | None = None


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
    profile: AuthorProfile | None = None
    """As it was last read; None: unknown."""
    content_known: bool = True
    """False: asked is what is usual for such an author, whatever is posted and when."""

    def hide_content(self) -> TweetInput:
        """Hide all but the author."""
        return replace(self, text="", content_known=False)


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


def compute_author_features(tweet: TweetInput) -> list[float]:
    """List them in the order of AUTHOR_FEATURES; NaN where nothing is known."""
    return [*_compute_history_features(tweet), *_compute_profile_features(tweet)]


def _compute_history_features(tweet: TweetInput) -> list[float]:
    author = tweet.author
    if author is None:
        return _NO_HISTORY
    # One viral and one quiet tweet are added (Laplace), so that a single tweet does not say never or always.
    share = (author.viral + 1) / (author.settled + 2)
    # A name that ends in the digits the site proposes is seldom one that many follow.
    digits = float(sum(letter.isdigit() for letter in tweet.username or ""))
    return [1.0, math.log1p(author.tweets), share, author.log_likes / (author.settled + 1), digits]


_NO_HISTORY = [0.0, *[math.nan] * (len(HISTORY_FEATURES) - 1)]


def _compute_profile_features(tweet: TweetInput) -> list[float]:
    profile = tweet.profile
    if profile is None:
        return _NO_PROFILE
    followers, following, posts, favourites, listed = map(
        _log,
        (profile.followers, profile.following, profile.posts, profile.favourites, profile.listed),
    )
    return [
        1.0,
        followers,
        following,
        posts,
        favourites,
        listed,
        math.nan if profile.verified is None else float(profile.verified),
        _compute_age(profile.created_at, tweet.created_at),
        followers - following,
        favourites - posts,
    ]


_NO_PROFILE = [0.0, *[math.nan] * (len(PROFILE_FEATURES) - 1)]


def _log(count: int | None) -> float:
    return math.nan if count is None else math.log1p(count)


def _compute_age(made_at: datetime | None, posted_at: datetime) -> float:
    """Compute the log of the account's days; NaN for a tweet that is older than its account."""
    if made_at is None or made_at > posted_at:
        return math.nan
    return math.log1p((posted_at - made_at).total_seconds() / 86_400)


_NO_CONTENT = (math.nan,) * len(TWEET_FEATURES)


def compute_feature_matrix(tweets: Sequence[TweetInput]) -> NDArray[np.float32]:
    """Compute unscaled features, shape (tweets, 24), columns in the order of FEATURES; NaN where nothing is known."""
    rows = [
        [
            *(compute_features(tweet).values() if tweet.content_known else _NO_CONTENT),
            *compute_author_features(tweet),
        ]
        for tweet in tweets
    ]
    return np.array(rows, dtype=np.float32).reshape(len(tweets), len(FEATURES))
