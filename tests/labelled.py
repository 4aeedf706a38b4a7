"""Made-up labelled tweets with something in them to learn."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import LabelledTweet

START = datetime(2026, 1, 1, tzinfo=UTC)
LIKED = ("!!! wow", "look at this", "breaking: ")
IGNORED = ("just saying", "as i said before", "nothing new: ")
TOPICS = ("oil", "gas", "rain", "trains", "football", "bread")


def labelled_tweets(count: int, seed: int = 7, noise: float = 0.1, liked: float = 0.5) -> list[LabelledTweet]:
    """Wording and photos decide about likes, but for a share of `noise`; a share of `liked` is worded well."""
    rng = np.random.default_rng(seed)
    return [_tweet(rng, number, noise, liked) for number in range(count)]


def _tweet(rng: np.random.Generator, number: int, noise: float, share: float) -> LabelledTweet:
    liked = bool(rng.random() < share)
    words = [*rng.choice(TOPICS, 3), str(rng.choice(LIKED if liked else IGNORED)), f"n{number}"]
    viral = liked != bool(rng.random() < noise)
    at = START + timedelta(minutes=7 * number)
    return LabelledTweet(TweetInput(" ".join(words), at, photos_count=int(liked)), int(viral), viral)
