"""kill -9 at any moment: the same batch goes on, nothing twice, nothing missed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, select, text
from viral_common.bus import topology
from viral_common.database.engine import Sessions
from viral_common.database.tables import BatchInterval
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.factories import make_twint_days, write_lines
from tests.integration.scraper.collecting import read_events, read_outcome

ROOT = Path(__file__).parents[3]
# `viral-scraper once`, which stores so many tweets in one transaction.
IN_FEW_STEPS, IN_MANY_STEPS = (
    ["-m", "tests.integration.scraper.crashing", str(at_once)] for at_once in (1_500, 60)
)


class Scraper:
    """Start processes of `viral-scraper once` on one archive."""

    def __init__(self, settings: CommonSettings, folder: Path) -> None:
        self._folder = folder
        self._environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
            "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
            "VIRAL_DATA_DIR": str(folder),
            "VIRAL_SOURCE": "archive",
            "VIRAL_ARCHIVE_PATHS": str(write_lines(folder / "tweets.jsonl.gz", make_twint_days(3, 1_700))),
            "VIRAL_BATCH_SIZE": "5000",
        }

    @contextmanager
    def start(self, arguments: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """Start one, killed at the latest when the block ends."""
        with subprocess.Popen(
            [sys.executable, *arguments],
            env=self._environment,
            cwd=self._folder,  # where no `.env` lies
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        ) as process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, arguments: Sequence[str]) -> int:
        """Run one to its end; return the exit status."""
        with self.start(arguments) as process:
            return process.wait(60)

    def run_undisturbed(self, db: Sessions, arguments: Sequence[str]) -> list[object]:
        """Read what a run leaves behind when nobody interferes; afterwards all is as before."""
        assert self.run(arguments) == 0
        left_behind = read_outcome(db)
        with db.begin() as session:
            session.execute(text("TRUNCATE tweets, batch_intervals, batches, outbox CASCADE"))
        shutil.rmtree(self._folder / "scraper")
        return left_behind


def count_stored_intervals(db: Sessions) -> int:
    with db() as session:
        return session.scalars(select(func.count(BatchInterval.stored_at))).one()


def wait_for_more(db: Sessions, intervals: int) -> None:
    enough = count_stored_intervals(db) + intervals
    eventually(lambda: count_stored_intervals(db) >= enough, every_s=0.002)


@pytest.fixture
def scraper(settings: CommonSettings, tmp_path: Path) -> Scraper:
    return Scraper(settings, tmp_path)


@pytest.mark.long
def test_killed_before_and_after_every_commit(scraper: Scraper, db: Sessions) -> None:
    expected = scraper.run_undisturbed(db, IN_FEW_STEPS)
    kills = 0

    # Each process gets one commit further than the one before it.
    while not any(message.published_at for message in read_events(db)):
        for boundary in ("before_commit", "after_commit"):
            kills += scraper.run([*IN_FEW_STEPS, boundary]) == -signal.SIGKILL
        assert kills < 30

    assert kills >= 10
    assert read_outcome(db) == expected


def test_killed_at_random(scraper: Scraper, db: Sessions, settings: CommonSettings) -> None:
    expected = scraper.run_undisturbed(db, IN_MANY_STEPS)
    steps = random.Random(5)
    half_stored = 0

    for _ in range(3):
        with scraper.start(IN_MANY_STEPS) as process:
            wait_for_more(db, steps.randrange(1, 16))
            process.kill()
            assert process.wait(60) == -signal.SIGKILL
        half_stored += not read_events(db)
    assert scraper.run(IN_MANY_STEPS) == 0

    assert half_stored
    assert read_outcome(db) == expected
    with topology.open_connection(settings.rabbitmq_url.get_secret_value(), "tests") as connection:
        channel = connection.channel()
        # One from the undisturbed run, one from these; a kill between publishing and stamping may repeat it.
        assert channel.queue_declare("trainer.batch-collected", passive=True).method.message_count >= 2
