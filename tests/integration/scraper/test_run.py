"""Test `viral-scraper run`, as it stands beside the other services."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import text
from viral_common.database.engine import Sessions
from viral_scraper.collecting.schedule import Schedule

from tests.eventually import eventually
from tests.factories import make_twint_days, write_lines
from tests.integration.scraper.collecting import make_collector, read_events

Stop = Callable[[], None]


def start(schedule: Schedule) -> Stop:
    """Run it on a thread; returns what ends it."""
    stopping = threading.Event()
    thread = threading.Thread(target=schedule.run, args=(stopping,), daemon=True)
    thread.start()

    def stop() -> None:
        stopping.set()
        thread.join(10)
        assert not thread.is_alive()

    return stop


def test_batch_after_batch_and_then_what_the_archive_gains(db: Sessions, tmp_path: Path) -> None:
    files = make_collector(db, tmp_path, make_twint_days(2, 50), batch_size=50)
    stop = start(Schedule(files, db, poll_s=0.1))
    eventually(lambda: len(read_events(db)) == 2)

    write_lines(tmp_path / "tweets.jsonl", make_twint_days(3, 50))

    eventually(lambda: len(read_events(db)) == 3)
    stop()


def test_a_file_that_is_missing_is_named_and_waited_for(db: Sessions, tmp_path: Path) -> None:
    files = make_collector(db, tmp_path, make_twint_days(1, 50), batch_size=50)
    (tmp_path / "tweets.jsonl").rename(tmp_path / "elsewhere")
    schedule = Schedule(files, db, poll_s=0.1)
    stop = start(schedule)
    eventually(lambda: any("no file at" in reason for reason in schedule.list_problems()))

    (tmp_path / "elsewhere").rename(tmp_path / "tweets.jsonl")

    eventually(lambda: len(read_events(db)) == 1)
    assert schedule.list_problems() == []
    stop()


def test_of_two_scrapers_one_works_and_the_other_takes_over(db: Sessions, tmp_path: Path) -> None:
    files = make_collector(db, tmp_path, make_twint_days(1, 50), batch_size=50)
    first, second = (Schedule(files, db, poll_s=0.1) for _ in range(2))
    stop_first = start(first)
    eventually(lambda: len(read_events(db)) == 1)
    stop_second = start(second)
    eventually(lambda: any("another scraper" in reason for reason in second.list_problems()))

    stop_first()
    write_lines(tmp_path / "tweets.jsonl", make_twint_days(2, 50))

    eventually(lambda: len(read_events(db)) == 2)
    assert second.list_problems() == []
    stop_second()


def test_connections_lost_in_the_middle_lose_nothing(db: Sessions, tmp_path: Path) -> None:
    files = make_collector(db, tmp_path, make_twint_days(6, 2_500), batch_size=5_000)
    stop = start(Schedule(files, db, poll_s=0.1))

    for _ in range(4):
        time.sleep(0.4)
        with db.begin() as session:
            others = (
                "backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()"
            )
            session.execute(text(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {others}"))

    eventually(lambda: len(read_events(db)) == 3, within_s=60)
    stop()

    with db() as session:
        counts = session.execute(text("SELECT tweet_count FROM batches ORDER BY window_from")).scalars().all()
    assert counts == [5_000, 5_000, 5_000]


def test_a_source_that_raises_is_no_crash_loop(db: Sessions, tmp_path: Path) -> None:
    files = make_collector(db, tmp_path, [b"nothing usable\n"], batch_size=5)
    schedule = Schedule(files, db, poll_s=0.05)

    stop = start(schedule)

    eventually(lambda: any("no usable tweet" in reason for reason in schedule.list_problems()))
    stop()
