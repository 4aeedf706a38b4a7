"""Make a collector over files of Twint lines, as the scraper wires it, and read what it leaves behind."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

from pydantic import SecretStr
from sqlalchemy import select
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, OutboxMessage, Tweet
from viral_common.delivery import outbox
from viral_common.events import BatchCollected, wrap_event
from viral_common.tweets.label_rule import LabelRule
from viral_scraper.collecting.collector import Collector
from viral_scraper.progress import log_progress
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.forgotten import ForgottenNames

from tests.factories import write_lines

FORGET_KEY = "k" * 32
FORGOTTEN = ForgottenNames(SecretStr(FORGET_KEY))

# All that a batch is, but for the times at which its steps were taken.
OUTCOME = ("id", "tweet_count", "train_count", "validation_count", "test_count", "viral_rate", "filtered")


def make_collector(
    db: Sessions,
    folder: Path,
    rows: Iterable[Mapping[str, Any] | bytes],
    batch_size: int,
    query: str = "test",
) -> Collector:
    """Make one over a file of these rows."""
    file = write_lines(folder / "tweets.jsonl", rows)
    return Collector(
        source=ArchiveSource(str(file), query, folder / "shards", log_progress()),
        batches=BatchStore(db, "archive", query, FORGOTTEN),
        emit=emit,
        report=log_progress(),
        batch_size=batch_size,
        label_rule=LabelRule(0, timedelta(hours=24)),
    )


def emit(session: Session, event: BatchCollected) -> None:
    """Add the event to the outbox, as `Service.emit` does."""
    outbox.add_event(session, "scraper", wrap_event(event, "viral/scraper/test"))


def collect_all(collector: Collector) -> list[Batch]:
    """Collect until there is no more."""
    return list(iter(lambda: collector.collect_next(threading.Event()), None))


def read_tweets(db: Sessions) -> list[Tweet]:
    """Read every tweet, in order."""
    with db() as session:
        return list(session.scalars(select(Tweet).order_by(Tweet.posted_at, Tweet.external_id)))


def read_events(db: Sessions) -> list[OutboxMessage]:
    """Read every event, in order."""
    with db() as session:
        return list(session.scalars(select(OutboxMessage).order_by(OutboxMessage.seq)))


def read_outcome(db: Sessions) -> list[object]:
    """Read all that collecting leaves behind and that a kill must not change."""
    with db() as session:
        batches = session.scalars(select(Batch).order_by(Batch.window_from)).all()
    columns = [column.name for column in Tweet.__table__.columns]
    return [
        [[getattr(batch, name) for name in OUTCOME] for batch in batches],
        [[getattr(tweet, name) for name in columns] for tweet in read_tweets(db)],
        [message.message_id for message in read_events(db)],
    ]
