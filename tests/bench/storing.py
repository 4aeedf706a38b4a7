"""Collecting: an archive read, filtered and stored, against a raw COPY of the same rows."""

from __future__ import annotations

import io
import threading
import time
from datetime import timedelta
from pathlib import Path

from sqlalchemy import text
from viral_common.database.engine import Sessions, connect, make_sessions, migrate
from viral_common.settings import CommonSettings
from viral_common.tweets.label_rule import LabelRule
from viral_scraper.collecting.collector import Collector
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.stores.batches import BatchStore

from tests.bench.figures import Figure
from tests.bench.tweets import ARCHIVE
from tests.servers import Servers

TARGET = 0.2
ENOUGH = 1_000_000
_COPY_OUT = "COPY (SELECT * FROM tweets) TO STDOUT"
_COPY_IN = "COPY copied FROM STDIN"


def measure(scratch: Path, servers: Servers) -> list[Figure]:
    """Rows a second from the file to committed rows; none without a real archive."""
    if not ARCHIVE.exists():
        return []
    settings = CommonSettings.model_validate(
        {"database_url": servers.database_url, "rabbitmq_url": servers.rabbitmq_url}
    )
    engine = connect(settings, "bench")
    migrate(engine)
    db = make_sessions(engine)

    started = time.perf_counter()
    rows = _collect(db, scratch)
    rate = rows / (time.perf_counter() - started)
    raw = rows / _copy_s(db)
    engine.dispose()

    ratio = rate / raw
    return [
        Figure(
            "archive to Postgres",
            rate,
            "kept rows/s",
            "raw COPY of these rows",
            raw,
            f"≥ {TARGET}×",
            ratio >= TARGET,
        )
    ]


def _collect(db: Sessions, scratch: Path) -> int:
    source = ArchiveSource(str(ARCHIVE), "", scratch / "archive", lambda *_: None)
    batches, rule = BatchStore(db, source.name, source.query), LabelRule(0, timedelta(days=1))
    collector = Collector(source, batches, lambda *_: None, lambda *_: None, ENOUGH, rule)
    batch = collector.collect_next(threading.Event())
    assert batch is not None
    return batch.tweet_count


def _copy_s(db: Sessions) -> float:
    with db.begin() as session:
        session.execute(text("CREATE TABLE copied (LIKE tweets)"))
    with db.begin() as session:
        cursor = session.connection().connection.cursor()
        rows = io.StringIO()
        cursor.copy_expert(_COPY_OUT, rows)
        rows.seek(0)
        started = time.perf_counter()
        cursor.copy_expert(_COPY_IN, rows)
        session.commit()
    return time.perf_counter() - started
