"""Run the scraper until it is stopped (`viral-scraper run`)."""

from __future__ import annotations

from viral_common.delivery.service import Service
from viral_common.logging import configure_logging
from viral_common.settings import load_settings

from viral_scraper.collecting.collector import Collector
from viral_scraper.collecting.partition_keeper import PartitionKeeper
from viral_scraper.collecting.refresher import build_refresher
from viral_scraper.collecting.schedule import Schedule
from viral_scraper.progress import log_progress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import REPLY_S, StreamingSource
from viral_scraper.sources.retries import MOST_WAIT_S


def main() -> None:
    """Collect batches until stopped."""
    settings = load_settings(ScraperSettings)
    configure_logging("scraper", settings)
    with Service("scraper", settings) as service:
        collector = Collector.from_settings(settings, service, log_progress())
        schedule = Schedule(
            collector,
            service.sessions,
            poll_s=settings.poll_s,
            batch_pause_s=settings.batch_pause_s,
            refresher=build_refresher(service.sessions, collector),
            daily=settings.daily,
        )
        service.watch(schedule.list_problems, schedule.describe_work)
        # A source may have us wait so long before the next request.
        service.add_background_task("collecting", schedule.run, longest_turn_s=MOST_WAIT_S + REPLY_S)
        partitions = PartitionKeeper(service.sessions, settings.retention_days)
        service.add_background_task("partition keeper", partitions.run, longest_turn_s=600)
        if isinstance(collector.source, StreamingSource):
            service.watch(collector.source.list_problems)
            service.add_background_task("listening", collector.source.listen, longest_turn_s=60)
        service.run()
