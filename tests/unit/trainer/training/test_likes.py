"""Intervals hold what they promise, and drafts are told apart only where they can be."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest
from viral_common.tweets.features import TweetInput
from viral_common.tweets.tweet import LabelledTweet
from viral_trainer.training.likes import measure_drafts, measure_likes

from tests.factories import START


def test_four_in_five_tweets_get_likes_within_the_interval() -> None:
    rng = np.random.default_rng(1)
    expected = rng.uniform(0, 4, 8_000)
    log_likes = np.clip(expected + rng.normal(0, 0.3 + 0.2 * expected), 0, None).astype(np.float32)

    spec = measure_likes(expected[:4_000], log_likes[:4_000])

    ends = np.array([spec.compute_interval(one) for one in expected[4_000:]])
    likes = np.expm1(log_likes[4_000:])
    inside = (ends[:, 0] - 1e-6 <= likes) & (likes <= ends[:, 1] + 1e-6)
    assert inside.mean() == pytest.approx(0.8, abs=0.05)
    assert (np.diff(spec.low) >= 0).all()
    assert (np.diff(spec.high) >= 0).all()


def make_pairs(
    authors: int, rng: np.random.Generator, slope: float
) -> tuple[list[LabelledTweet], np.ndarray]:
    """Two tweets of each author an hour apart; the one that gains more is liked as a logistic law says."""
    gains = rng.normal(0, 0.5, 2 * authors)
    tweets = []
    for author in range(authors):
        first, second = gains[2 * author : 2 * author + 2]
        first_wins = rng.random() < 1 / (1 + np.exp(-slope * (first - second)))
        for place, likes in enumerate((int(first_wins), int(not first_wins))):
            at = START + timedelta(hours=place)
            tweets.append(LabelledTweet(TweetInput("hello", at), likes, likes > 0, f"author {author}"))
    return tweets, gains


def test_the_slope_is_that_of_the_law() -> None:
    spec = measure_drafts(*make_pairs(3_000, np.random.default_rng(1), slope=1.0))

    assert spec is not None
    assert spec.slope == pytest.approx(1.0, rel=0.2)
    assert 0 < spec.slope_low < spec.slope
    assert spec.authors == 3_000


def test_gains_that_say_nothing_tell_no_drafts_apart() -> None:
    spec = measure_drafts(*make_pairs(300, np.random.default_rng(2), slope=0.0))

    assert spec is not None
    assert spec.slope_low == 0
    assert not spec.is_clear(5.0)


def test_few_authors_say_nothing() -> None:
    assert measure_drafts(*make_pairs(19, np.random.default_rng(3), slope=1.0)) is None


def test_equal_gains_have_no_slope() -> None:
    tweets, gains = make_pairs(100, np.random.default_rng(4), slope=1.0)

    spec = measure_drafts(tweets, np.zeros_like(gains))

    assert spec is not None
    assert (spec.slope, spec.slope_low) == (0, 0)
