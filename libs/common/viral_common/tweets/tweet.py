"""Describe a tweet on its way in: what every source delivers, whatever its own format."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from viral_common.tweets.features import TweetInput
from viral_common.tweets.profile import AuthorProfile


# Not frozen: that takes three times as long to make, and there are millions of them.
@dataclass(slots=True, unsafe_hash=True)
class RawTweet:
    """Hold one tweet as a source delivers it, already in the product's terms. Times are aware UTC."""

    external_id: str
    posted_at: datetime
    author_id: str
    username: str
    text: str
    """As its author typed it: without the links that a site appends for media and quoted tweets."""
    language: str
    like_count: int
    retweet_count: int
    reply_count: int
    photos_count: int
    has_video: bool
    is_quote: bool
    is_reply: bool
    is_retweet: bool
    counts_observed_at: datetime | None = None
    profile: AuthorProfile | None = None
    """Its author's, as it was when the source was asked."""


@dataclass(frozen=True, slots=True)
class Engagement:
    """Hold a known tweet's counts, read again."""

    external_id: str
    like_count: int
    retweet_count: int
    reply_count: int
    counts_observed_at: datetime


@dataclass(frozen=True, slots=True)
class LabelledTweet:
    """Hold a stored tweet with its label, as training and evaluation read it."""

    input: TweetInput
    like_count: int
    viral: bool
    author_id: str = ""
    """Equal for tweets of one author; who is unknown counts as one more author each."""


def take_inputs(tweets: Sequence[LabelledTweet]) -> list[TweetInput]:
    """Take what may be looked at to predict."""
    return [tweet.input for tweet in tweets]


def stack_labels(tweets: Sequence[LabelledTweet]) -> NDArray[np.bool_]:
    """Stack which are viral, shape (tweets,)."""
    return np.array([tweet.viral for tweet in tweets], dtype=np.bool_)


def stack_authors(tweets: Sequence[LabelledTweet]) -> NDArray[np.intp]:
    """Give each author a number, shape (tweets,): equal for tweets of one; who is unknown is one of its own."""
    return number_authors([tweet.author_id for tweet in tweets])


def number_authors(author_ids: Sequence[str]) -> NDArray[np.intp]:
    """Give each author a number, likewise, by what `LabelledTweet.author_id` says."""
    names = [author_id or ("", place) for place, author_id in enumerate(author_ids)]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp)
