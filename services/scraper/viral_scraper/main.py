"""`viral-scraper run`."""

from __future__ import annotations

from viral_common.batch_store import BatchStore
from viral_common.logging import configure_logging
from viral_common.service import Service
from viral_common.settings import load_settings

from viral_scraper.collect import Collector
from viral_scraper.progress import Tell, log_progress
from viral_scraper.schedule import Schedule
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources import build_source
from viral_scraper.sources.base import Listening


def main() -> None:
    """Collect batches until stopped."""
    settings = load_settings(ScraperSettings)
    configure_logging("scraper", settings)
    with Service("scraper", settings) as service:
        collector = build_collector(service, settings, log_progress())
        schedule = Schedule(collector, service.sessions, settings.poll_s, settings.batch_pause_s)
        service.watch(schedule.missing)
        service.background("collecting", schedule.run)
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
