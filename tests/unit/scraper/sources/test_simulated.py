"""Test simulated tweets: the same on every call, and varied enough to learn from."""

from __future__ import annotations

import math
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import numpy as np
import pytest
from viral_common.tweets.filters import filter_tweets
from viral_common.tweets.profile import FIRST_ACCOUNT
from viral_common.tweets.text import compute_copy_hash
from viral_common.tweets.tweet import RawTweet
from viral_scraper.simulation.day import draw_block, draw_day
from viral_scraper.simulation.world import AUTHORS, World
from viral_scraper.sources.base import Window
from viral_scraper.sources.simulated import SimulatedSource

MONDAY = date(2026, 1, 5)
MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def tweets() -> list[RawTweet]:
    return draw_day(World(1), MONDAY, blocks=5)


def test_a_day_is_the_same_on_every_call() -> None:
    assert draw_block(World(3), MONDAY, 2) == draw_block(World(3), MONDAY, 2)
    assert draw_block(World(3), MONDAY, 2) != draw_block(World(4), MONDAY, 2)


def test_a_larger_batch_adds_tweets_and_changes_none(tweets: list[RawTweet]) -> None:
    assert set(draw_day(World(1), MONDAY, blocks=3)) < set(tweets)


def test_every_tweet_is_marked_as_simulated(tweets: list[RawTweet]) -> None:
    assert all(tweet.external_id.startswith("sim-") for tweet in tweets)
    assert all(tweet.username.startswith("sim_") for tweet in tweets)
    assert SimulatedSource(1, MONDAY, 4, 100).name == "simulated"


def test_ids_are_unique_and_times_in_order(tweets: list[RawTweet]) -> None:
    assert len({tweet.external_id for tweet in tweets}) == len(tweets)
    assert [tweet.posted_at for tweet in tweets] == sorted(tweet.posted_at for tweet in tweets)
    assert {tweet.posted_at.date() for tweet in tweets} == {MONDAY}


def test_the_filters_have_something_to_find(tweets: list[RawTweet]) -> None:
    kept, left_out = filter_tweets(tweets)

    assert set(left_out) == {"reply", "retweet", "language", "empty"}
    assert len({compute_copy_hash(tweet.text) for tweet in kept}) < len(kept)


@pytest.mark.parametrize(("threshold", "least", "most"), [(0, 0.4, 0.6), (10, 0.08, 0.2), (100, 0.01, 0.05)])
def test_about_half_get_a_like_and_some_get_many(
    tweets: list[RawTweet], threshold: int, least: float, most: float
) -> None:
    likes = np.array([tweet.like_count for tweet in tweets])

    assert least < np.mean(likes > threshold) < most


def test_the_words_show_in_the_likes(tweets: list[RawTweet]) -> None:
    loved = [tweet.like_count for tweet in tweets if "made me cry, in a good way" in tweet.text]
    dull = [tweet.like_count for tweet in tweets if "is listed in our new report" in tweet.text]

    assert np.mean(loved) > 2 * np.mean(dull)


def test_followers_tell_of_an_author_s_reach_but_not_all() -> None:
    world = World(1)
    profiles = world.profiles.read(range(AUTHORS), MONDAY)

    followers = [math.log1p(profiles[by].followers or 0) for by in range(AUTHORS)]

    assert 0.6 < np.corrcoef(followers, world.reach)[0, 1] < 0.95
    verified = np.array([profiles[by].verified for by in range(AUTHORS)])
    assert world.reach[verified].mean() > world.reach[~verified].mean() + 1


def test_an_author_s_counts_grow_from_day_to_day() -> None:
    profiles = [World(1).profiles.read(range(100), MONDAY + days * DAY) for days in (0, 30)]

    posts = [[profile.posts or 0 for profile in one.values()] for one in profiles]
    assert all(later >= earlier for earlier, later in zip(*posts, strict=True))
    assert 1.0 < sum(posts[1]) / sum(posts[0]) < 1.1


def test_every_tweet_has_its_author_s_profile_of_the_day(tweets: list[RawTweet]) -> None:
    for tweet in tweets:
        assert tweet.profile is not None
        assert tweet.profile.count_parts() == 7
        assert tweet.profile.read_at == MIDNIGHT
        assert tweet.profile.created_at is not None
        assert FIRST_ACCOUNT <= tweet.profile.created_at < MIDNIGHT
    assert len({tweet.profile for tweet in tweets}) == len({tweet.author_id for tweet in tweets})


def test_topics_drift_from_day_to_day() -> None:
    def count_tags(day: date) -> Counter[str]:
        tweets = draw_block(World(1), day, 0)
        return Counter(word for tweet in tweets for word in tweet.text.split() if word.startswith("#"))

    today, in_ten_days = count_tags(MONDAY), count_tags(MONDAY + 10 * DAY)

    assert max(today[tag] / (in_ten_days[tag] + 1) for tag in today) > 2


def test_a_day_fills_a_batch() -> None:
    source = SimulatedSource(1, MONDAY, 1, batch_size=5_000)

    kept, _ = filter_tweets(source.search(MIDNIGHT, MIDNIGHT + DAY))

    assert len({compute_copy_hash(tweet.text) for tweet in kept}) >= 5_000


def test_a_search_spans_days_and_is_half_open() -> None:
    source = SimulatedSource(1, MONDAY, 4, batch_size=100)

    both = list(source.search(MIDNIGHT, MIDNIGHT + 2 * DAY))
    parts = [
        *source.search(MIDNIGHT, MIDNIGHT + DAY),
        *source.search(MIDNIGHT + DAY, MIDNIGHT + 2 * DAY),
    ]

    assert both == parts


def test_each_day_is_a_window_until_the_simulation_ends() -> None:
    source = SimulatedSource(1, MONDAY, 2, batch_size=100)

    assert source.find_next_window(None, 100) == Window(MIDNIGHT, MIDNIGHT + DAY)
    assert source.find_next_window(MIDNIGHT + DAY, 100) == Window(MIDNIGHT + DAY, MIDNIGHT + 2 * DAY)
    assert source.find_next_window(MIDNIGHT + 2 * DAY, 100) is None


def test_without_a_first_day_the_days_end_yesterday() -> None:
    source = SimulatedSource(1, None, 3, batch_size=100)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)

    assert source.find_next_window(None, 100) == Window(today - 3 * DAY, today - 2 * DAY)
    assert source.find_next_window(today - 50 * DAY, 100) == Window(today - 3 * DAY, today - 2 * DAY)
    assert source.find_next_window(today, 100) is None
