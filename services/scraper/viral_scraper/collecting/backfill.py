"""Read years of archives at once (`viral-scraper backfill`): the files by several processes, the batches in order."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime

from rich.console import Console
from viral_common.database.engine import require_schema
from viral_common.database.tables import Batch
from viral_common.delivery.service import Service
from viral_common.errors import ServerAway, ViralError
from viral_common.workers import Workers

from viral_scraper.collecting.collector import Collector
from viral_scraper.collecting.one_batch import (
    NEVER,
    hold_own_lock,
    publish_waiting,
    show_batch,
    show_left_out,
)
from viral_scraper.collecting.outages import explain_error
from viral_scraper.collecting.partition_keeper import PartitionKeeper
from viral_scraper.progress import show_progress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.stores.advisory_lock import Lock


def backfill(
    settings: ScraperSettings, paths: Sequence[str], workers: Workers, train: bool, console: Console
) -> None:
    """Collect every batch of the files, and publish its event if anybody is to train on it; say what came in.

    Killed anywhere, the same call goes on there.
    """
    service = Service("scraper", settings)
    require_schema(service.sessions)
    PartitionKeeper(service.sessions, settings.retention_days).keep_partitions(datetime.now(UTC))
    with show_progress() as report:
        folder = settings.data_dir / "scraper" / "archive"
        source = ArchiveSource(paths, settings.query, folder, report, workers)
        collector = Collector.from_settings(settings, service, report, source, train)
        with hold_own_lock(service, collector, console) as mine:
            batches = tweets = 0
            filtered: Counter[str] = Counter()
            for batch in _collect_all(collector, mine):
                show_batch(console, batch)
                batches += 1
                tweets += batch.tweet_count
                filtered.update(batch.filtered)
                with suppress(ServerAway):  # then it goes out with a later one, or is reported at the end
                    publish_waiting(service, settings)
    show_left_out(console, filtered, source)
    console.print(
        f"{batches:,} batches with {tweets:,} tweets; nothing more to collect from {collector.title}"
    )
    if not batches and (until := collector.batches.find_collected_until()):
        console.print(
            f"batches filed under this name reach until {until:%Y-%m-%d}; "
            "for tweets from before that set VIRAL_QUERY to another name"
        )
    publish_waiting(service, settings)


def _collect_all(collector: Collector, mine: Lock) -> Iterator[Batch]:
    try:
        while batch := collector.collect_next(NEVER, mine.confirm):
            yield batch
    except OSError as error:
        raise ViralError(explain_error(error)) from error
