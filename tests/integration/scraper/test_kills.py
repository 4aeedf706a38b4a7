"""kill -9 at any moment: the same batch goes on, nothing twice, nothing missed."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import text
from viral_common import bus
from viral_common.database import Sessions
from viral_common.settings import CommonSettings

from tests.integration.scraper.collecting import announced, outcome
from tests.twint_lines import some_days, write_lines

ONCE = ["-m", "tests.integration.scraper.crashing"]


class Scraper:
    """Processes of `viral-scraper once` on one archive."""

    def __init__(self, settings: CommonSettings, folder: Path) -> None:
        self._shards = folder / "scraper"
        self._environment = {
            **os.environ,
            "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
            "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
            "VIRAL_DATA_DIR": str(folder),
            "VIRAL_SOURCE": "archive",
            "VIRAL_ARCHIVE_PATHS": str(write_lines(folder / "tweets.jsonl.gz", some_days(3, 1_700))),
            "VIRAL_BATCH_SIZE": "5000",
        }

    def run(self, arguments: Sequence[str], kill_after_s: float = 60) -> int:
        """The exit status; killed if it takes longer."""
        command = [sys.executable, *arguments]
        process = subprocess.Popen(
            command, env=self._environment, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        )
        try:
            return process.wait(kill_after_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def undisturbed(self, db: Sessions) -> list[object]:
        """What a run leaves behind when nobody interferes; afterwards all is as before."""
        assert self.run(ONCE) == 0
        left_behind = outcome(db)
        with db.begin() as session:
            session.execute(text("TRUNCATE tweets, batch_intervals, batches, outbox CASCADE"))
        shutil.rmtree(self._shards)
        return left_behind


@pytest.fixture
def scraper(settings: CommonSettings, tmp_path: Path) -> Scraper:
    return Scraper(settings, tmp_path)


def test_killed_before_and_after_every_commit(scraper: Scraper, db: Sessions) -> None:
    expected = scraper.undisturbed(db)
    kills = 0

    # Each process gets one commit further than the one before it.
    while not any(message.published_at for message in announced(db)):
        for boundary in ("before_commit", "after_commit"):
            kills += scraper.run([*ONCE, boundary]) == -signal.SIGKILL
        assert kills < 30

    assert kills >= 10
    assert outcome(db) == expected


def test_killed_at_random(scraper: Scraper, db: Sessions, settings: CommonSettings) -> None:
    expected = scraper.undisturbed(db)
    moments = random.Random(5)

    for _ in range(4):
        scraper.run(ONCE, kill_after_s=moments.uniform(0.5, 3))
    while not announced(db):
        assert scraper.run(ONCE) == 0

    assert outcome(db) == expected
    with bus.connection(settings.rabbitmq_url.get_secret_value(), "tests") as connection:
        channel = connection.channel()
        # One from the undisturbed run, one from these; a kill between publishing and stamping may repeat it.
        assert channel.queue_declare("trainer.batch-collected", passive=True).method.message_count >= 2
