"""Test `viral-scraper run` while something that it needs is away: it waits, says so, loses nothing and goes on."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import text
from viral_common.database.engine import Sessions
from viral_common.tweets.tweet import RawTweet
from viral_scraper.collecting.collector import Collector
from viral_scraper.collecting.schedule import Schedule
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.sources.base import Window
from viral_scraper.sources.retries import SourceAway
from viral_scraper.stores.batches import BatchStore

from tests.eventually import eventually
from tests.factories import make_twint_days
from tests.integration.scraper.collecting import make_collector, read_events, read_tweets
from tests.integration.scraper.test_run import start
from tests.servers import Servers


@dataclass
class FakeSource:
    """Serve an archive's tweets as a server would: interval by interval, while it is there and not held up."""

    archive: ArchiveSource
    there: bool = True
    held_up: threading.Event = field(default_factory=threading.Event)
    open_after: int = 0
    asked: list[datetime] = field(default_factory=list)
    name = "network"
    query = "tea"
    bad_rows: Mapping[str, int] = field(default_factory=dict)

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        self.asked.append(since)
        if len(self.asked) > self.open_after:
            self.held_up.wait(30)
        if not self.there:
            raise SourceAway("the network does not deliver; it is asked again")
        return self.archive.search(since, until, limit)

    def find_next_window(self, after: datetime | None, size: int, /) -> Window | None:
        return self.archive.find_next_window(after, size)


def make_fake_source(db: Sessions, folder: Path, open_after: int = 3) -> tuple[FakeSource, Collector]:
    """Make a day of 200 tweets, too few for a batch: no interval gives more than its share; the fourth is held up."""
    files = make_collector(db, folder, make_twint_days(1, 200), batch_size=400)
    assert isinstance(files.source, ArchiveSource)
    network = FakeSource(files.source, open_after=open_after)
    return network, replace(files, source=network, batches=BatchStore(db, network.name, network.query))


@contextmanager
def limit_file_size(size: int) -> Iterator[None]:
    """Keep this process's files below `size` bytes, as on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def break_connections(db: Sessions) -> None:
    """Break all but the one that asks for it."""
    others = "backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()"
    with db.begin() as session:
        session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))


def test_a_source_that_is_down_is_waited_for(db: Sessions, tmp_path: Path) -> None:
    network, collector = make_fake_source(db, tmp_path)
    schedule = Schedule(collector, db, poll_s=0.05)
    stop = start(schedule)
    eventually(lambda: len(network.asked) == 4)

    network.there = False
    network.held_up.set()
    eventually(lambda: any("tried 3 times" in reason for reason in schedule.list_problems()))
    reasons = schedule.list_problems()
    network.there = True
    eventually(lambda: read_events(db) != [])
    stop()

    assert len(reasons) == 1
    assert reasons[0].startswith("the network does not deliver; it is asked again (since 20")
    assert schedule.list_problems() == []
    assert len(read_tweets(db)) == 200
    # What was stored before is not asked for again; only the interval that failed is.
    assert {since for since in network.asked if network.asked.count(since) > 1} == {network.asked[3]}


def test_postgres_dies_in_the_middle(servers: Servers, db: Sessions, tmp_path: Path) -> None:
    network, collector = make_fake_source(db, tmp_path)
    schedule = Schedule(collector, db, poll_s=0.5)
    stop = start(schedule)
    eventually(lambda: len(network.asked) == 4)

    servers.kill("postgres")
    network.held_up.set()
    eventually(lambda: any("Postgres does not answer" in reason for reason in schedule.list_problems()))
    eventually(lambda: schedule.list_problems() == [], within_s=60)
    eventually(lambda: read_events(db) != [])
    stop()

    assert len(read_tweets(db)) == 200
    assert {since for since in network.asked if network.asked.count(since) > 1} <= {network.asked[3]}


def test_a_full_disk_is_waited_for(db: Sessions, tmp_path: Path) -> None:
    files = make_collector(db, tmp_path, make_twint_days(2, 2_500), batch_size=2_500)
    schedule = Schedule(files, db, poll_s=0.05)

    with limit_file_size(200_000):
        stop = start(schedule)
        eventually(
            lambda: any("cannot prepare the archive: File too large" in r for r in schedule.list_problems())
        )
        assert read_events(db) == []
    eventually(lambda: len(read_events(db)) == 2)
    stop()

    assert len(read_tweets(db)) == 5_000
    assert schedule.list_problems() == []


def test_a_lock_that_was_lost_is_missed_before_anything_more_is_fetched(db: Sessions, tmp_path: Path) -> None:
    held, first = make_fake_source(db, tmp_path)
    schedule = Schedule(first, db, poll_s=0.05)
    stop_first = start(schedule)
    eventually(lambda: len(held.asked) == 4)
    break_connections(db)
    free, second = make_fake_source(db, tmp_path, open_after=1_000)
    stop_second = start(Schedule(second, db, poll_s=0.05))
    eventually(lambda: read_events(db) != [])

    held.held_up.set()
    eventually(lambda: any("another scraper" in reason for reason in schedule.list_problems()), within_s=10)
    stop_first()
    stop_second()

    assert len(held.asked) == 4
    assert set(held.asked[:3]).isdisjoint(free.asked)
    assert len(set(free.asked)) == len(free.asked)
    assert len(read_tweets(db)) == 200
