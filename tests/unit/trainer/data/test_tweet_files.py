"""Test which of its author's profiles a tweet of a file is given."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import RawTweet
from viral_trainer.data.tweet_files import find_profiles, label_tweets

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_tweet(
    number: int,
    at: datetime,
    followers: int | None,
    read_at: datetime | None = None,
    counted_at: datetime | None = None,
    author: str = "ada",
) -> RawTweet:
    profile = None if followers is None else AuthorProfile(followers=followers, read_at=read_at)
    counts = (0, 0, 0, 0, False, False, False, False)
    return RawTweet(
        str(number), at, author, author, f"tweet {number}", "en", *counts, counted_at, profile=profile
    )


def find_followers(*tweets: RawTweet) -> list[int | None]:
    return [profile.followers if profile else None for profile in find_profiles(tweets)]


def test_a_tweet_of_an_archive_finds_its_own_profile_or_an_earlier_one() -> None:
    tweets = [make_tweet(1, NOON, 10), make_tweet(2, NOON + DAY, None), make_tweet(3, NOON + 2 * DAY, 30)]

    assert find_followers(*tweets) == [10, 10, 30]
    assert find_followers(*reversed(tweets)) == [30, 10, 10]


def test_a_tweet_finds_no_profile_of_later_or_of_somebody_else() -> None:
    tweets = [make_tweet(1, NOON, None), make_tweet(2, NOON + DAY, 20), make_tweet(3, NOON, 7, author="bob")]

    assert find_followers(*tweets) == [None, 20, 7]


def test_a_profile_counts_from_when_it_was_read_and_a_tweet_until_its_counts_were() -> None:
    early = make_tweet(1, NOON, 10, read_at=NOON + 3 * DAY, counted_at=NOON + 2 * DAY)
    late = make_tweet(2, NOON, None, counted_at=NOON + 3 * DAY)

    assert find_followers(early, late) == [None, 10]


def test_a_profile_read_nobody_knows_when_was_read_with_the_counts() -> None:
    with_counts = make_tweet(1, NOON, 10, counted_at=NOON + 2 * DAY)
    counted_before = make_tweet(2, NOON, None, counted_at=NOON + DAY)

    found = find_profiles([with_counts, counted_before])

    assert found == [AuthorProfile(followers=10, read_at=NOON + 2 * DAY), None]


def test_of_a_day_the_earliest_reading_stays() -> None:
    midnight = NOON + 12 * HOUR
    tweets = [
        make_tweet(1, NOON + HOUR, 11),
        make_tweet(2, NOON, 10),
        make_tweet(3, midnight, 20),
        make_tweet(4, midnight + HOUR, 21),
    ]

    assert find_followers(*tweets) == [10, 10, 20, 20]


def test_of_one_instant_the_reading_of_the_first_tweet_stays() -> None:
    assert find_followers(make_tweet(2, NOON, 20), make_tweet(1, NOON, 10)) == [10, 10]


@pytest.mark.parametrize("age", [-DAY, timedelta(), DAY])
def test_a_labelled_tweet_says_whose_it_is_and_carries_the_profile(age: timedelta) -> None:
    tweets = [make_tweet(1, NOON, 10, counted_at=NOON + age), make_tweet(2, NOON, 20, author="bob")]

    labelled = label_tweets(tweets, LabelRule(0, DAY))

    known = {tweet.author_id: tweet.input.profile and tweet.input.profile.followers for tweet in labelled}
    assert known == ({"bob": 20} if age < DAY else {"ada": 10, "bob": 20})
