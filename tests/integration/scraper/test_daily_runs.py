"""Test `viral-scraper run` with a time of day, and likes that are read again with each run."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings
from viral_local.ports import pick_free_ports
from viral_local.servers.services import ask_health
from viral_scraper.collecting.collector import Collector
from viral_scraper.collecting.refresher import Refresher
from viral_scraper.collecting.schedule import Schedule
from viral_scraper.daily import Daily
from viral_scraper.stores.refreshes import RefreshStore

from tests.eventually import eventually
from tests.factories import make_twint_days, write_lines
from tests.integration.scraper.collecting import make_collector, read_events, read_tweets
from tests.integration.scraper.sources.test_refresh import FakeSource
from tests.integration.scraper.test_run import start

ONE_DAY = timedelta(hours=24)


@pytest.fixture
def collecting(db: Sessions, tmp_path: Path) -> Collector:
    """Three days, a batch each."""
    return make_collector(db, tmp_path, make_twint_days(3, 50), batch_size=50)


def make_run_in_half_a_day() -> Daily:
    return Daily(f"{datetime.now(UTC) + timedelta(hours=12):%H:%M}")


def set_collected_days_ago(db: Sessions, days: int) -> None:
    with db.begin() as session:
        session.execute(
            text("UPDATE batches SET collected_at = now() - make_interval(days => :days)"), {"days": days}
        )


def is_waiting(schedule: Schedule) -> bool:
    return schedule.describe_work().startswith("waits for the run of ")


def test_the_first_run_waits_for_its_time(db: Sessions, collecting: Collector) -> None:
    schedule = Schedule(collecting, db, poll_s=0.05, daily=make_run_in_half_a_day())

    stop = start(schedule)
    eventually(lambda: is_waiting(schedule))
    time.sleep(0.2)
    stop()

    assert read_events(db) == []
    assert schedule.list_problems() == []


def test_runs_that_were_missed_are_caught_up_once(
    db: Sessions, collecting: Collector, tmp_path: Path
) -> None:
    collecting.collect_next(threading.Event())
    set_collected_days_ago(db, days=4)
    schedule = Schedule(collecting, db, poll_s=0.05, daily=make_run_in_half_a_day())

    stop = start(schedule)
    eventually(lambda: len(read_events(db)) == 3 and is_waiting(schedule))
    write_lines(tmp_path / "tweets.jsonl", make_twint_days(4, 50))
    time.sleep(0.3)
    stop()

    assert len(read_events(db)) == 3
    assert f"{datetime.now(UTC) + timedelta(hours=12):%Y-%m-%d}" in schedule.describe_work()


def test_a_run_that_another_scraper_has_done_is_not_done_again(db: Sessions, collecting: Collector) -> None:
    collecting.collect_next(threading.Event())
    schedule = Schedule(collecting, db, poll_s=0.05, daily=make_run_in_half_a_day())

    stop = start(schedule)
    eventually(lambda: is_waiting(schedule))
    stop()

    assert len(read_events(db)) == 1


def test_a_batch_that_was_begun_is_gone_on_with_at_once(db: Sessions, collecting: Collector) -> None:
    stopping = threading.Event()
    with pytest.raises(ConnectionError):
        collecting.collect_next(stopping, confirm=raise_connection_error)
    schedule = Schedule(collecting, db, poll_s=0.05, daily=make_run_in_half_a_day())

    stop = start(schedule)
    eventually(lambda: len(read_events(db)) == 3 and is_waiting(schedule))
    stop()


def test_the_process_says_at_what_time_it_will_run_and_ends_when_asked(settings: CommonSettings) -> None:
    port = pick_free_ports(["health"])["health"]
    environment = {
        "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "VIRAL_DATA_DIR": str(settings.data_dir),
        "VIRAL_COLLECT_AT": f"{datetime.now(UTC) + timedelta(hours=12):%H:%M} UTC",
        "VIRAL_HEALTH_PORT": str(port),
    }
    command = [sys.executable, "-c", "from viral_scraper.cli import app; app(['run'])"]
    scraper = subprocess.Popen(command, env={**os.environ, **environment}, cwd=settings.data_dir)
    try:
        eventually(lambda: ask_health(f"http://127.0.0.1:{port}").ready)
        eventually(
            lambda: ask_health(f"http://127.0.0.1:{port}").doing[0].startswith("waits for the run of ")
        )
        scraper.terminate()
        assert scraper.wait(20) == 0
    finally:
        scraper.kill()
        scraper.wait()


def raise_connection_error() -> None:
    raise ConnectionError


def test_likes_are_read_again_and_what_keeps_them_from_it_stops_no_batch(
    db: Sessions, collecting: Collector
) -> None:
    collecting.collect_next(threading.Event())
    with db.begin() as session:
        session.execute(text("UPDATE tweets SET counts_observed_at = posted_at + interval '1 hour'"))
    network = Poor()
    refresher = Refresher(network, RefreshStore(db, "archive"), ONE_DAY)
    schedule = Schedule(collecting, db, poll_s=0.05, refresher=refresher)

    stop = start(schedule)
    eventually(lambda: len(read_events(db)) == 3)
    reasons = schedule.list_problems()
    network.poor = False
    eventually(lambda: schedule.list_problems() == [])
    stop()

    assert [reason.split(" (since")[0] for reason in reasons] == ["no money; likes are read again next month"]
    assert sum(tweet.like_count == 7 for tweet in read_tweets(db)) == 50


class Poor(FakeSource):
    """Refuse as long as `poor` is set."""

    poor = True

    def refresh(self, ids, /):  # type: ignore[no-untyped-def]
        """Refuse as X does once the spending cap is reached."""
        if self.poor:
            raise UsageError("no money; likes are read again next month")
        return super().refresh(ids)
