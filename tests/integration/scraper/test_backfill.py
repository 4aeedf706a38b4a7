"""Test `viral-scraper backfill`: the same batches as one process makes, however often it is killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch
from viral_common.settings import CommonSettings
from viral_common.stores import ledger
from viral_common.stores.tweets import TweetStore
from viral_scraper.collecting import collector
from viral_scraper.progress import log_progress
from viral_scraper.sources.archive.source import ArchiveSource

from tests.factories import make_twint_days, write_lines
from tests.integration.scraper.collecting import (
    collect_all,
    make_collector,
    read_events,
    read_outcome,
    read_tweets,
)
from tests.integration.scraper.test_kills import count_stored_intervals

FILES = 4
KILLS = 12
IN_SMALL_STEPS = (
    "from viral_scraper.cli import app; from viral_scraper.collecting import collector; "
    "collector.STORE_AT_ONCE = 40; app()"
)
KILLED_AT_THE_SECOND_FILE = """
import os, signal
from viral_scraper.cli import app
from viral_scraper.sources.archive import runs
read_tweets = runs.read_tweets
def read_the_first(file, bad):
    if file.name.startswith("1"):
        os.kill(os.getpid(), signal.SIGKILL)
    return read_tweets(file, bad)
runs.read_tweets = read_the_first
app()
"""


class Backfill:
    """Start processes of `viral-scraper backfill` on the same files."""

    def __init__(self, settings: CommonSettings, folder: Path) -> None:
        rows = make_twint_days(6, 600)
        random.Random(3).shuffle(rows)
        self.files = [
            str(write_lines(folder / f"{number}.jsonl.gz", [*rows[number::FILES], b"oops\n"]))
            for number in range(FILES)
        ]
        self.data = folder / "data"
        self.program = [str(Path(sys.executable).with_name("viral-scraper"))]
        self.environment = {
            **os.environ,
            "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
            "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
            "VIRAL_DATA_DIR": str(self.data),
            "VIRAL_BATCH_SIZE": "1000",
            "VIRAL_QUERY": "test",
            "COLUMNS": "400",
        }
        self._folder = folder

    def start(self, *options: str) -> subprocess.Popen[str]:
        """Start one."""
        return subprocess.Popen(
            [*self.program, "backfill", *self.files, *options],
            env=self.environment,
            cwd=self._folder,  # where no `.env` lies
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str) -> tuple[int, str, str]:
        """Run one to its end; return its status, and what it printed and reported."""
        with self.start(*options) as process:
            output, errors = process.communicate(timeout=120)
        return process.returncode, output, errors


@pytest.fixture
def backfill(settings: CommonSettings, tmp_path: Path) -> Backfill:
    return Backfill(settings, tmp_path)


def collect_in_one_process(db: Sessions, backfill: Backfill, folder: Path) -> list[object]:
    """Read what collecting batch after batch leaves behind; afterwards all is as before."""
    source = ArchiveSource(backfill.files, "test", folder / "one", log_progress())
    collect_all(replace(make_collector(db, folder, [], 1_000), source=source))
    left_behind = read_outcome(db)
    with db.begin() as session:
        session.execute(text("TRUNCATE tweets, batch_intervals, batches, outbox CASCADE"))
    return left_behind


def test_two_processes_make_the_same_batches_in_the_same_order_as_one(
    db: Sessions, backfill: Backfill, tmp_path: Path
) -> None:
    expected = collect_in_one_process(db, backfill, tmp_path)

    status, output, _ = backfill.run("--processes", "2")

    assert status == 0
    assert read_outcome(db) == expected
    assert len(read_events(db)) == 3
    assert all(message.published_at for message in read_events(db))
    assert "3 batches with 3,000 tweets; nothing more to collect from archive (test)" in output
    assert f"{backfill.files[0]}:901" in output


def test_without_training_only_the_history_is_kept(db: Sessions, backfill: Backfill) -> None:
    status, output, _ = backfill.run("--no-train", "--processes", "1")

    assert status == 0
    assert "history only" in output
    assert read_events(db) == []
    assert len(read_tweets(db)) == 3_000
    with db() as session:
        batches = session.query(Batch).order_by(Batch.window_from).all()
    assert [batch.history_only for batch in batches] == [True] * 3
    assert TweetStore(db).find_newest_batch() is None


def test_a_batch_after_history_waits_for_none_of_it_and_trains_on_none(
    db: Sessions, backfill: Backfill, tmp_path: Path
) -> None:
    backfill.run("--no-train", "--processes", "1")
    later = make_twint_days(8, 30)[-60:]
    (batch,) = collect_all(make_collector(db, tmp_path, later, 60, query="later"))

    with db() as session:
        waits_for = ledger.find_unsettled_batches(session, batch, timedelta(hours=1))
    window = TweetStore(db).find_window(batch, 9)

    assert waits_for == []
    assert [one.id for one in window] == [batch.id]


def test_again_there_is_nothing_more_and_it_says_until_when(db: Sessions, backfill: Backfill) -> None:
    backfill.run("--processes", "1")
    before = read_outcome(db)

    status, output, _ = backfill.run("--processes", "1")

    assert (status, read_outcome(db)) == (0, before)
    assert "0 batches with 0 tweets; nothing more to collect from archive (test)" in output
    assert "reach until 2022-03-0" in output
    assert "set VIRAL_QUERY" in output


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (["/no/such/file.jsonl"], "error: no file at /no/such/file.jsonl"),
        (["oops.jsonl"], "error: no usable tweet in "),
    ],
)
def test_files_of_no_use_are_one_line(
    backfill: Backfill, tmp_path: Path, files: list[str], says: str
) -> None:
    write_lines(tmp_path / "oops.jsonl", [b"oops\n"])
    backfill.files = files

    status, _, errors = backfill.run("--processes", "2")

    assert status == 2
    assert errors.splitlines()[-1].startswith(says)
    assert "Traceback" not in errors


def count_done(db: Sessions, data: Path) -> int:
    """Count the steps that are behind it: files that were read, and intervals that were stored."""
    folder = data / "scraper" / "archive"
    read = FILES if list(folder.glob("*/index.json")) else len(list(folder.glob("*.partial/file?")))
    return read + count_stored_intervals(db)


def test_killed_at_random_while_reading_and_storing(
    db: Sessions, backfill: Backfill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector, "STORE_AT_ONCE", 40)  # as IN_SMALL_STEPS does
    expected = collect_in_one_process(db, backfill, tmp_path)
    chance = random.Random(5)
    backfill.program = [sys.executable, "-c", IN_SMALL_STEPS]
    kills = 0
    reached: set[int] = set()

    while kills < KILLS:
        enough = count_done(db, backfill.data) + chance.randrange(1, 9)
        with backfill.start("--processes", "2") as process:
            while process.poll() is None and count_done(db, backfill.data) < enough:
                time.sleep(0.002)
            process.kill()
        if process.returncode == 0:  # it was quicker than the kill
            break
        assert process.returncode == -signal.SIGKILL
        reached.add(count_done(db, backfill.data))
        kills += 1
    status, _, errors = backfill.run("--processes", "2")

    assert (status, read_outcome(db)) == (0, expected), errors
    assert len(reached) > KILLS / 3
    assert not list(backfill.data.glob("scraper/archive/*.partial"))


def test_a_file_that_changed_after_a_kill_is_read_anew(
    db: Sessions, backfill: Backfill, tmp_path: Path
) -> None:
    as_it_is = backfill.program
    backfill.program = [sys.executable, "-c", KILLED_AT_THE_SECOND_FILE]
    status, _, _ = backfill.run("--processes", "1")
    assert status == -signal.SIGKILL
    assert list(backfill.data.glob("scraper/archive/*.partial/file0"))
    backfill.program = as_it_is
    write_lines(Path(backfill.files[0]), make_twint_days(6, 200))
    expected = collect_in_one_process(db, backfill, tmp_path)

    status, _, _ = backfill.run("--processes", "2")

    assert (status, read_outcome(db)) == (0, expected)
