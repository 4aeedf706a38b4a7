"""What every source promises, whatever it reads."""

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
from viral_scraper.sources.base import Refreshable
from viral_scraper.sources.factory import SOURCES

from tests.integration.scraper.sources.expected_posts import MIN_AGE, SECRET, Said, some_posts
from tests.integration.scraper.sources.harnesses import SETTINGS, Stage
from tests.integration.scraper.sources.http_server import Answer

LIVE = [name for name in SETTINGS if name not in ("archive", "bluesky", "simulated")]
INVENTED = ("simulated",)
EVERY = pytest.mark.parametrize("stage", SETTINGS, indirect=True)
EVERY_REAL = pytest.mark.parametrize(
    "stage", [name for name in SETTINGS if name not in INVENTED], indirect=True
)
EVERY_LIVE = pytest.mark.parametrize("stage", LIVE, indirect=True)


@pytest.fixture
def stage(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    def database() -> Sessions:
        sessions: Sessions = request.getfixturevalue("db")
        return sessions

    with SETTINGS[request.param](database, tmp_path, some_posts(), monkeypatch) as stage:
        yield stage


@pytest.fixture
def loud(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """The scraper's logs, at their most talkative, on the captured screen."""
    root = logging.getLogger()
    before = root.handlers[:], root.level
    settings = {
        "database_url": "postgresql://u:p@h/d",
        "rabbitmq_url": "amqp://u:p@h/v",
        "log_level": "debug",
    }
    configure_logging("scraper", CommonSettings.model_validate(settings))
    yield
    root.handlers[:], root.level = before
    structlog.reset_defaults()


def found(stage: Stage, hours: tuple[float, float] = (0, 24), limit: int | None = None) -> list[RawTweet]:
    """Between two hours of the stage's day."""
    since, until = (stage.day.since + timedelta(hours=hour) for hour in hours)
    return list(stage.source.search(stage.source.query, since, until, limit))


def test_the_suite_covers_every_source() -> None:
    assert list(SETTINGS) == list(SOURCES)


@EVERY
def test_a_day_comes_whole_in_order_and_each_tweet_once(stage: Stage) -> None:
    tweets = found(stage)

    keys = [(tweet.posted_at, tweet.external_id) for tweet in tweets]
    assert keys == sorted(keys)
    assert len({tweet.external_id for tweet in tweets}) == len(tweets) >= len(stage.posts)
    assert all(stage.day.since <= tweet.posted_at < stage.day.until for tweet in tweets)
    assert {tweet.posted_at.utcoffset() for tweet in tweets} == {timedelta(0)}


@EVERY
def test_intervals_that_touch_share_nothing_and_miss_nothing(stage: Stage) -> None:
    pieces = [found(stage, (0, 7)), found(stage, (7, 7.5)), found(stage, (7.5, 24))]

    ids = [tweet.external_id for piece in pieces for tweet in piece]
    assert sorted(ids) == sorted(tweet.external_id for tweet in found(stage))


@EVERY
def test_never_more_than_the_limit(stage: Stage) -> None:
    assert len(found(stage, limit=12)) == 12
    assert len(found(stage, limit=1)) == 1


@EVERY
def test_nothing_is_asked_for_before_the_first_tweet_is(stage: Stage) -> None:
    stage.source.search(stage.source.query, *stage.day)

    assert stage.served is None or not stage.served.requests


@EVERY
def test_a_window_is_a_whole_day_that_is_old_enough_and_not_collected_yet(stage: Stage) -> None:
    first = stage.source.next_window(None, 10)

    assert first == stage.day
    assert stage.source.next_window(stage.day.since, 10) == stage.day
    assert stage.source.next_window(stage.day.until, 10) is None


@EVERY_REAL
def test_tweets_are_what_was_said(stage: Stage) -> None:
    tweets = found(stage)

    told = [
        (_whole(tweet, said), tweet.language, tweet.like_count, tweet.photos_count, tweet.is_reply)
        for tweet, said in zip(tweets, stage.posts, strict=True)
    ]
    expected = [(said.text, "en", said.likes, said.photos, said.is_reply) for said in stage.posts]
    if stage.source.name == "bluesky":  # of what the filters leave out neither text nor likes are kept
        expected = [("", row[1], 0, *row[3:]) if row[4] else row for row in expected]
    assert told == expected
    assert [tweet.posted_at.replace(microsecond=0) for tweet in tweets] == [said.at for said in stage.posts]
    assert not any(tweet.is_retweet or tweet.is_quote or tweet.has_video for tweet in tweets)
    assert 1 < len({tweet.author_id for tweet in tweets}) < len(tweets)
    assert all(tweet.username for tweet in tweets)


@EVERY_REAL
def test_counts_say_when_they_were_read_if_that_is_known(stage: Stage) -> None:
    for tweet in found(stage):
        at = tweet.counts_observed_at
        assert at is None or (at.tzinfo is not None and at - tweet.posted_at >= MIN_AGE)


@EVERY_REAL
def test_no_text_of_a_tweet_is_in_the_logs_even_at_debug(
    stage: Stage, loud: None, capfd: pytest.CaptureFixture[str]
) -> None:
    assert found(stage)

    logging.getLogger("anybody").debug("debug lines are shown")
    written = "".join(capfd.readouterr())
    assert "debug lines are shown" in written
    assert SECRET not in written


@EVERY_LIVE
def test_a_server_that_fails_now_and_then_costs_nothing_but_time(stage: Stage) -> None:
    assert stage.served is not None
    calm = found(stage)
    stage.served.faults += [Answer(503, "upstream is busy"), Answer(200, "<html>not what was asked for")]

    assert [tweet.external_id for tweet in found(stage)] == [tweet.external_id for tweet in calm]
    assert 1 <= len(stage.slept) <= 2  # Mastodon.py has some patience of its own
    assert all(0 <= wait <= 60 for wait in stage.slept)


@EVERY_LIVE
def test_a_server_that_never_answers_is_one_line_that_says_so(stage: Stage) -> None:
    assert stage.served is not None
    stage.served.faults += [Answer(503, "away")] * 50

    with pytest.raises(ViralError) as caught:
        found(stage)

    assert "\n" not in str(caught.value)
    assert 2 <= len(stage.slept) <= 6


@pytest.mark.parametrize("stage", ["x", "mastodon"], indirect=True)
def test_counts_are_read_again_and_what_is_gone_does_not_come(stage: Stage) -> None:
    assert isinstance(stage.source, Refreshable)
    tweets = found(stage)

    again = list(stage.source.refresh([*(tweet.external_id for tweet in tweets), "12345"]))

    assert {one.external_id: one.like_count for one in again} == {
        tweet.external_id: tweet.like_count for tweet in tweets
    }
    assert all(one.counts_observed_at.tzinfo is UTC for one in again)


def _whole(tweet: RawTweet, said: Said) -> str:
    """X cuts links short, and files of X's answers have them so, too."""
    return tweet.text.replace("https://t.co/own", f"https://example.com/{said.number}")
