"""Test that likes are read again once tweets are old enough."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update
from viral_common.database.engine import Sessions
from viral_common.database.tables import Tweet
from viral_common.tweets.tweet import Engagement
from viral_scraper.collecting.refresher import Refresher
from viral_scraper.sources.retries import SourceAway
from viral_scraper.stores.refreshes import RefreshStore

from tests.factories import FIRST_DAY, make_twint_days
from tests.integration.scraper.collecting import collect_all, make_collector, read_tweets

ONE_DAY = timedelta(hours=24)


@dataclass
class FakeSource:
    """Know every tweet but those that are gone."""

    gone: set[str] = field(default_factory=set)
    away: bool = False
    clock: datetime | None = None
    asked: list[str] = field(default_factory=list)

    def refresh(self, ids: Sequence[str], /) -> Iterator[Engagement]:
        """Read seven likes for each."""
        self.asked += ids
        for id_ in ids:
            if id_ not in self.gone:
                yield Engagement(id_, 7, 1, 2, self.clock or datetime.now(UTC))
        if self.away:
            raise SourceAway("away")


@pytest.fixture
def young(db: Sessions, tmp_path: Path) -> list[str]:
    """Ids of ten tweets; the likes of the first six were read an hour after they were posted."""
    collect_all(make_collector(db, tmp_path, make_twint_days(1, 10), batch_size=10))
    ids = [tweet.external_id for tweet in read_tweets(db)]
    with db.begin() as session:
        session.execute(
            update(Tweet)
            .where(Tweet.external_id.in_(ids[:6]))
            .values(counts_observed_at=Tweet.posted_at + timedelta(hours=1))
        )
    return ids[:6]


def test_those_read_too_young_are_read_again_and_once(db: Sessions, young: list[str]) -> None:
    network = FakeSource()
    refresher = Refresher(network, RefreshStore(db, "archive"), ONE_DAY)

    counts = [refresher.refresh_due(threading.Event()) for _ in range(2)]

    assert (counts, network.asked) == ([6, 0], young)
    assert [tweet.like_count for tweet in read_tweets(db)][:6] == [7] * 6
    assert 7 not in [tweet.like_count for tweet in read_tweets(db)][6:]


def test_what_is_gone_there_is_deleted_here(db: Sessions, young: list[str]) -> None:
    Refresher(FakeSource(gone={young[2]}), RefreshStore(db, "archive"), ONE_DAY).refresh_due(
        threading.Event()
    )

    assert young[2] not in [tweet.external_id for tweet in read_tweets(db)]
    assert len(read_tweets(db)) == 9


def test_a_source_that_fails_in_the_middle_takes_nothing_for_gone(db: Sessions, young: list[str]) -> None:
    refresher = Refresher(FakeSource(gone=set(young), away=True), RefreshStore(db, "archive"), ONE_DAY)

    with pytest.raises(SourceAway):
        refresher.refresh_due(threading.Event())

    assert len(read_tweets(db)) == 10


def test_what_was_read_before_a_source_failed_is_kept(db: Sessions, young: list[str]) -> None:
    refresher = Refresher(FakeSource(away=True), RefreshStore(db, "archive"), ONE_DAY)

    with pytest.raises(SourceAway):
        refresher.refresh_due(threading.Event())

    assert [tweet.like_count for tweet in read_tweets(db)][:6] == [7] * 6


def test_with_a_clock_that_is_behind_nothing_is_read_over_and_over(db: Sessions, young: list[str]) -> None:
    network = FakeSource(clock=FIRST_DAY + timedelta(hours=20))
    rounds: list[str] = []

    def confirm() -> None:
        rounds.append("one more")
        assert len(rounds) < 3

    refreshed = Refresher(network, RefreshStore(db, "archive"), ONE_DAY).refresh_due(
        threading.Event(), confirm
    )

    assert (refreshed, network.asked) == (6, young)


def test_tweets_that_are_still_young_wait(db: Sessions, young: list[str]) -> None:
    with db.begin() as session:
        now = datetime.now(UTC)
        session.execute(
            update(Tweet)
            .where(Tweet.external_id.in_(young[:4]))
            .values(posted_at=now - timedelta(hours=5), counts_observed_at=now - timedelta(hours=4))
        )

    assert RefreshStore(db, "archive").find_due(ONE_DAY, limit=10) == young[4:]
