"""Collect one batch (`viral-scraper once`), for cron and Kubernetes."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime

from rich.console import Console
from rich.table import Table
from viral_common.database.engine import require_schema
from viral_common.database.tables import Batch
from viral_common.delivery.outbox import Relay
from viral_common.delivery.service import Service
from viral_common.errors import ServerAway, ViralError

from viral_scraper.collecting.collector import Collector
from viral_scraper.collecting.outages import explain_error
from viral_scraper.collecting.partition_keeper import PartitionKeeper
from viral_scraper.collecting.refresher import Refresher, build_refresher
from viral_scraper.progress import show_progress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import PreparingSource, Source
from viral_scraper.stores.advisory_lock import Lock, hold_lock

NEVER = threading.Event()
# How long another scraper may take: a batch of a busy source, say. The runs of a cron table must not pile up.
TIMEOUT_S = 1800.0


def collect_one_batch(settings: ScraperSettings, console: Console) -> None:
    """Collect the next batch, or go on with the one that was begun; publish its event; say what came in."""
    service = Service("scraper", settings)
    require_schema(service.sessions)
    PartitionKeeper(service.sessions, settings.retention_days).keep_partitions(datetime.now(UTC))
    with show_progress() as report:
        collector = Collector.from_settings(settings, service, report)
        refresher = build_refresher(service.sessions, collector)
        with hold_own_lock(service, collector, console) as mine:
            not_refreshed = _refresh(refresher, mine, console) if refresher else None
            try:
                batch = collector.collect_next(NEVER, mine.confirm)
            except OSError as error:
                raise ViralError(explain_error(error)) from error
    if batch:
        show_batch(console, batch)
        show_left_out(console, batch.filtered, collector.source)
    else:
        console.print(f"nothing more to collect from {collector.title}")
    publish_waiting(service, settings)
    if not_refreshed:
        raise not_refreshed


def publish_waiting(service: Service, settings: ScraperSettings) -> None:
    """Publish the events in the outbox. Raises ServerAway if RabbitMQ does not answer."""
    address = settings.rabbitmq_url.get_secret_value()
    try:
        Relay(service.sessions, address, "scraper", service.instance).publish_waiting()
    except ServerAway as error:
        raise ServerAway(f"{error}; the event is kept and goes out with the next run") from error


@contextmanager
def hold_own_lock(service: Service, collector: Collector, console: Console) -> Iterator[Lock]:
    """Hold the lock on the source. Raises ViralError if another scraper does not end."""
    working = f"another scraper collects from {collector.title}"
    with hold_lock(
        service.sessions, collector.lock_name, NEVER, lambda: console.print(f"{working}; waiting"), TIMEOUT_S
    ) as mine:
        if mine is None:
            raise ViralError(
                f"{working} and has not ended within {TIMEOUT_S / 60:.0f} minutes; run this again after it, "
                "or leave the work to `viral-scraper run`, which waits as long as it takes"
            )
        yield mine


def _refresh(refresher: Refresher, mine: Lock, console: Console) -> ViralError | None:
    """Read likes again; return a failure instead of raising it, since the batch needs none of it."""
    try:
        if refreshed := refresher.refresh_due(NEVER, mine.confirm):
            console.print(f"likes of {refreshed:,} tweets read again")
    except ViralError as error:
        return error
    return None


def show_batch(console: Console, batch: Batch) -> None:
    """Say what a batch holds."""
    console.print(
        f"{batch.tweet_count:,} tweets of {batch.source} ({batch.query}), "
        f"{batch.window_from:%Y-%m-%d %H:%M} to {batch.window_to:%Y-%m-%d %H:%M} UTC: "
        + (f"{batch.viral_rate or 0:.1%} viral" if batch.tweet_count else "nothing announced")
        + (", history only" if batch.history_only else "")
        + f" (batch {batch.id})"
    )


def show_left_out(console: Console, filtered: Mapping[str, int], source: Source) -> None:
    """Say what was left out, and what could not be read, with the first places of that."""
    if filtered:
        console.print(_build_table(("left out", "tweets"), filtered))
    if source.bad_rows:
        places = source.bad_places if isinstance(source, PreparingSource) else {}
        console.print(_build_table(("could not be read", "rows", "first at"), source.bad_rows, places))


def _build_table(
    titles: Sequence[str], counts: Mapping[str, int], places: Mapping[str, Sequence[str]] | None = None
) -> Table:
    """Build a table of reasons, the most frequent first, and the first places of each where they are known."""
    table = Table(*titles)
    table.columns[1].justify = "right"
    for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
        cells = [reason, f"{count:,}"]
        table.add_row(*cells if places is None else (*cells, "\n".join(places.get(reason, ()))))
    table.columns[-1].overflow = "fold"
    return table
