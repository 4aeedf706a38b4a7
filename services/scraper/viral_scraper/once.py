"""`viral-scraper once`: one batch, for cron and Kubernetes."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from viral_common.database import schema_gap
from viral_common.errors import ServerAway, UsageError
from viral_common.models import Batch
from viral_common.outbox import Relay
from viral_common.service import Service
from viral_common.turns import turn

from viral_scraper.main import build_collector
from viral_scraper.progress import shown_progress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import Preparing, Source


def collect_once(settings: ScraperSettings, console: Console) -> None:
    """Collect the next batch, or go on with the one that was begun; publish its event; say what came in."""
    service = Service("scraper", settings)
    with service.sessions() as session:
        if gap := schema_gap(session.connection()):
            raise UsageError(gap)
    never = threading.Event()
    with shown_progress() as tell:
        collector = build_collector(service, settings, tell)
        with turn(
            service.sessions, collector.turn, never, lambda: console.print("another scraper works; waiting")
        ):
            batch = collector.collect_next(never)
    if batch:
        _show(console, batch, collector.source)
    else:
        console.print(f"nothing more to collect from {collector.source.name} ({collector.source.query})")
    try:
        Relay(service.sessions, settings.rabbitmq_url.get_secret_value(), "scraper", service.instance).drain()
    except ServerAway as error:
        raise ServerAway(f"{error}; the event is kept and goes out with the next run") from error


def _show(console: Console, batch: Batch, source: Source) -> None:
    console.print(
        f"{batch.tweet_count:,} tweets of {batch.source} ({batch.query}), "
        f"{batch.window_from:%Y-%m-%d %H:%M} to {batch.window_to:%Y-%m-%d %H:%M} UTC: "
        + (f"{batch.viral_rate or 0:.1%} viral" if batch.tweet_count else "nothing announced")
        + f" (batch {batch.id})"
    )
    table = Table("left out", "tweets")
    table.columns[1].justify = "right"
    for reason, count in sorted(batch.filtered.items(), key=lambda item: -item[1]):
        table.add_row(reason, f"{count:,}")
    if table.rows:
        console.print(table)
    if source.bad_rows:
        console.print(_bad_rows(source.bad_rows, source.bad_places if isinstance(source, Preparing) else {}))


def _bad_rows(counts: Mapping[str, int], places: Mapping[str, Sequence[str]]) -> Table:
    """With the first places of each reason, where the source knows them."""
    table = Table("could not be read", "rows", "first at")
    table.columns[1].justify = "right"
    table.columns[2].overflow = "fold"
    for reason, count in sorted(counts.items(), key=lambda item: -item[1]):
        table.add_row(escape(reason), f"{count:,}", escape("\n".join(places.get(reason, ()))))
    return table
