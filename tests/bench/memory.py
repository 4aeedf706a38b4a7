"""What a training needs of memory: windows of simulated tweets in Postgres, trained on in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import threading
from datetime import date, timedelta
from pathlib import Path
from uuid import UUID, uuid5

from sqlalchemy import text
from viral_common.database.engine import Sessions, connect, make_sessions, migrate
from viral_common.settings import CommonSettings
from viral_common.tweets.label_rule import LabelRule
from viral_scraper.collecting.collector import Collector
from viral_scraper.sources.simulated import SimulatedSource
from viral_scraper.stores.batches import BatchStore

from tests.bench.figures import Figure
from tests.servers import Servers

TWEETS, BATCHES = 50_000, 16
# Megabytes, for a window of one batch and of all.
MOST = {1: 2_000, BATCHES: 4_000}

# Each day says the same as the first, in other words: drawing 800,000 tweets takes longer than all the rest.
_DAY_LATER = {
    "id": ":new",
    "batch_id": ":new",
    "external_id": "external_id || '-' || :day",
    "text": "text || ' ' || :day",
    **{
        name: f"{name} + :day * interval '1 day'"
        for name in ("window_from", "window_to", "collected_at", "posted_at", "counts_observed_at")
    },
}


def measure(scratch: Path, servers: Servers) -> list[Figure]:
    """Peaks of the trainer's process: all that a training does, of its steps the first, for more need no more."""
    settings = {"database_url": servers.database_url, "rabbitmq_url": servers.rabbitmq_url}
    engine = connect(CommonSettings.model_validate(settings), "bench")
    migrate(engine)
    _fill(make_sessions(engine))
    engine.dispose()
    return [_figure(scratch, servers, window) for window in MOST]


def _figure(scratch: Path, servers: Servers, window: int) -> Figure:
    command = [sys.executable, "-m", "tests.bench.trainer_memory", servers.database_url, str(window)]
    command += [str(window * TWEETS), str(scratch / "memory")]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    peak, most = float(done.stdout.splitlines()[-1]), MOST[window]
    name = f"the trainer's memory, {window * TWEETS:,} tweets in the window"
    return Figure(name, peak, "MB", None, None, f"≤ {most:,} MB", peak <= most, less_is_better=True)


def _fill(db: Sessions) -> None:
    source = SimulatedSource(1, date(2026, 1, 1), 1, TWEETS)
    batches, rule = BatchStore(db, source.name, source.query), LabelRule(0, timedelta(days=1))
    collector = Collector(source, batches, lambda *_: None, lambda *_: None, TWEETS, rule)
    batch = collector.collect_next(threading.Event())
    assert batch is not None
    for day in range(1, BATCHES):
        _repeat(db, batch.id, day)


def _repeat(db: Sessions, batch: UUID, day: int) -> None:
    names = {"old": batch, "new": uuid5(batch, str(day)), "day": day}
    with db.begin() as session:
        for table, key in (("batches", "id"), ("tweets", "batch_id")):
            asked = text("SELECT column_name FROM information_schema.columns WHERE table_name = :table")
            columns = session.scalars(asked, {"table": table}).all()
            values = ", ".join(_DAY_LATER.get(column, column) for column in columns)
            session.execute(
                text(
                    f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values} FROM {table} WHERE {key} = :old"
                ),
                names,
            )
