"""Test what every source promises, whatever it reads."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest
import structlog
from viral_common.database.engine import Sessions
from viral_common.errors import ViralError
from viral_common.logging import configure_logging
from viral_common.settings import CommonSettings
from viral_common.tweets.tweet import RawTweet
from viral_scraper.sources.base import SOURCES, RefreshableSource

from tests.integration.scraper.sources.expected_posts import MIN_AGE, SECRET, ExpectedPost, make_posts
from tests.integration.scraper.sources.harnesses import HARNESSES, SourceHarness
from tests.integration.scraper.sources.http_server import Answer

LIVE = [name for name in HARNESSES if name not in ("archive", "bluesky", "simulated")]
INVENTED = ("simulated",)
EVERY = pytest.mark.parametrize("harness", HARNESSES, indirect=True)
EVERY_REAL = pytest.mark.parametrize(
    "harness", [name for name in HARNESSES if name not in INVENTED], indirect=True
)
EVERY_LIVE = pytest.mark.parametrize("harness", LIVE, indirect=True)


@pytest.fixture
def harness(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[SourceHarness]:
    def get_database() -> Sessions:
        sessions: Sessions = request.getfixturevalue("db")
        return sessions

    with HARNESSES[request.param](get_database, tmp_path, make_posts(), monkeypatch) as harness:
        yield harness


@pytest.fixture
def loud(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """The scraper's logs, at their most talkative, on the captured screen."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    settings = {
        "database_url": "postgresql://u:p@127.0.0.1/d",
        "rabbitmq_url": "amqp://u:p@127.0.0.1/v",
        "log_level": "debug",
    }
    configure_logging("scraper", CommonSettings.model_validate(settings))
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def find_tweets(
    harness: SourceHarness, hours: tuple[float, float] = (0, 24), limit: int | None = None
) -> list[RawTweet]:
    """Find tweets between two hours of the harness's day."""
    since, until = (harness.day.since + timedelta(hours=hour) for hour in hours)
    return list(harness.source.search(since, until, limit))


def test_the_suite_covers_every_source() -> None:
    assert list(HARNESSES) == list(SOURCES)


@EVERY
def test_a_day_comes_whole_in_order_and_each_tweet_once(harness: SourceHarness) -> None:
    tweets = find_tweets(harness)

    keys = [(tweet.posted_at, tweet.external_id) for tweet in tweets]
    assert keys == sorted(keys)
    assert len({tweet.external_id for tweet in tweets}) == len(tweets) >= len(harness.posts)
    assert all(harness.day.since <= tweet.posted_at < harness.day.until for tweet in tweets)
    assert {tweet.posted_at.utcoffset() for tweet in tweets} == {timedelta(0)}


@EVERY
def test_intervals_that_touch_share_nothing_and_miss_nothing(harness: SourceHarness) -> None:
    pieces = [find_tweets(harness, (0, 7)), find_tweets(harness, (7, 7.5)), find_tweets(harness, (7.5, 24))]

    ids = [tweet.external_id for piece in pieces for tweet in piece]
    assert sorted(ids) == sorted(tweet.external_id for tweet in find_tweets(harness))


@EVERY
def test_never_more_than_the_limit(harness: SourceHarness) -> None:
    assert len(find_tweets(harness, limit=12)) == 12
    assert len(find_tweets(harness, limit=1)) == 1


@EVERY
def test_nothing_is_asked_for_before_the_first_tweet_is(harness: SourceHarness) -> None:
    harness.source.search(*harness.day)

    assert harness.served is None or not harness.served.requests


@EVERY
def test_a_window_is_a_whole_day_that_is_old_enough_and_not_collected_yet(harness: SourceHarness) -> None:
    first = harness.source.find_next_window(None, 10)

    assert first == harness.day
    assert harness.source.find_next_window(harness.day.since, 10) == harness.day
    assert harness.source.find_next_window(harness.day.until, 10) is None


@EVERY_REAL
def test_tweets_are_what_was_posted(harness: SourceHarness) -> None:
    tweets = find_tweets(harness)

    rows = [
        (_restore_link(tweet, post), tweet.language, tweet.like_count, tweet.photos_count, tweet.is_reply)
        for tweet, post in zip(tweets, harness.posts, strict=True)
    ]
    expected = [(post.text, "en", post.likes, post.photos, post.is_reply) for post in harness.posts]
    if harness.source.name == "bluesky":  # of what the filters leave out neither text nor likes are kept
        expected = [("", row[1], 0, *row[3:]) if row[4] else row for row in expected]
    assert rows == expected
    assert [tweet.posted_at.replace(microsecond=0) for tweet in tweets] == [post.at for post in harness.posts]
    assert not any(tweet.is_retweet or tweet.is_quote or tweet.has_video for tweet in tweets)
    assert 1 < len({tweet.author_id for tweet in tweets}) < len(tweets)
    assert all(tweet.username for tweet in tweets)


@EVERY_REAL
def test_counts_say_when_they_were_read_if_that_is_known(harness: SourceHarness) -> None:
    for tweet in find_tweets(harness):
        at = tweet.counts_observed_at
        assert at is None or (at.tzinfo is not None and at - tweet.posted_at >= MIN_AGE)


@pytest.mark.parametrize("harness", ["x", "mastodon", "simulated"], indirect=True)
def test_authors_come_with_their_public_counts_and_when_those_were_read(harness: SourceHarness) -> None:
    for tweet in find_tweets(harness):
        assert tweet.profile is not None
        assert tweet.profile.followers is not None
        assert tweet.profile.created_at is not None
        assert tweet.profile.created_at < tweet.posted_at
        assert tweet.profile.read_at is not None
        if tweet.counts_observed_at:
            assert tweet.profile.read_at == tweet.counts_observed_at


@EVERY_REAL
def test_no_text_of_a_tweet_is_in_the_logs_even_at_debug(
    harness: SourceHarness, loud: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert find_tweets(harness)

    logging.getLogger("anybody").debug("debug lines are shown")
    written = "".join(capfd.readouterr())
    assert "debug lines are shown" in written
    assert SECRET not in written


@EVERY_LIVE
def test_a_server_that_fails_now_and_then_costs_nothing_but_time(harness: SourceHarness) -> None:
    assert harness.served is not None
    calm = find_tweets(harness)
    harness.served.faults += [Answer(503, "upstream is busy"), Answer(200, "<html>not what was asked for")]

    assert [tweet.external_id for tweet in find_tweets(harness)] == [tweet.external_id for tweet in calm]
    assert 1 <= len(harness.slept) <= 2  # Mastodon.py retries by itself, too
    assert all(0 <= wait <= 60 for wait in harness.slept)


@EVERY_LIVE
def test_a_server_that_never_answers_is_one_line_that_says_so(harness: SourceHarness) -> None:
    assert harness.served is not None
    harness.served.faults += [Answer(503, "away")] * 50

    with pytest.raises(ViralError) as caught:
        find_tweets(harness)

    assert "\n" not in str(caught.value)
    assert 2 <= len(harness.slept) <= 6


@pytest.mark.parametrize("harness", ["x", "mastodon"], indirect=True)
def test_counts_are_read_again_and_what_is_gone_does_not_come(harness: SourceHarness) -> None:
    assert isinstance(harness.source, RefreshableSource)
    tweets = find_tweets(harness)

    again = list(harness.source.refresh([*(tweet.external_id for tweet in tweets), "12345"]))

    assert {one.external_id: one.like_count for one in again} == {
        tweet.external_id: tweet.like_count for tweet in tweets
    }
    assert all(one.counts_observed_at.tzinfo is UTC for one in again)


def _restore_link(tweet: RawTweet, post: ExpectedPost) -> str:
    """Restore the link that X cuts short, also in files of its answers."""
    return tweet.text.replace("https://t.co/own", f"https://example.com/{post.number}")
