"""`viral-scraper run`."""

from __future__ import annotations

from viral_common.batch_store import BatchStore
from viral_common.logging import configure_logging
from viral_common.refresh_store import RefreshStore
from viral_common.service import Service
from viral_common.settings import load_settings

from viral_scraper.collect import Collector
from viral_scraper.months import Months
from viral_scraper.progress import Tell, log_progress
from viral_scraper.refresh import Refresher
from viral_scraper.schedule import Schedule
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources import build_source
from viral_scraper.sources.base import Listening, Refreshable


def main() -> None:
    """Collect batches until stopped."""
    settings = load_settings(ScraperSettings)
    configure_logging("scraper", settings)
    with Service("scraper", settings) as service:
        collector = build_collector(service, settings, log_progress())
        schedule = Schedule(
            collector,
            service.sessions,
            poll_s=settings.poll_s,
            batch_pause_s=settings.batch_pause_s,
            refresher=build_refresher(service, collector),
            daily=settings.daily,
        )
        service.watch(schedule.missing, schedule.doing)
        service.background("collecting", schedule.run)
        service.background("keeping of months", Months(service.sessions, settings.retention_days).run)
        if isinstance(collector.source, Listening):
            service.watch(collector.source.missing)
            service.background("listening", collector.source.listen)
        service.run()


def build_collector(service: Service, settings: ScraperSettings, tell: Tell) -> Collector:
    """The collector that the settings describe."""
    return Collector(
        source=build_source(settings, tell, service.sessions),
        batches=BatchStore(service.sessions),
        emit=service.emit,
        tell=tell,
        batch_size=settings.batch_size,
        likes_threshold=settings.likes_threshold,
        min_age=settings.min_age,
    )


def build_refresher(service: Service, collector: Collector) -> Refresher | None:
    """For the collector's source; None if it cannot read likes again."""
    source = collector.source
    if not isinstance(source, Refreshable):
        return None
    return Refresher(source, RefreshStore(service.sessions, source.name), collector.min_age)
