"""Build what collects, from the settings."""

from __future__ import annotations

from viral_common.delivery.service import Service

from viral_scraper.collecting.collector import Collector
from viral_scraper.collecting.refresher import Refresher
from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import RefreshableSource
from viral_scraper.sources.factory import build_source
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.refreshes import RefreshStore


def build_collector(service: Service, settings: ScraperSettings, report: ReportProgress) -> Collector:
    """Build the collector that the settings describe."""
    return Collector(
        source=build_source(settings, report, service.sessions),
        batches=BatchStore(service.sessions),
        emit=service.emit,
        report=report,
        batch_size=settings.batch_size,
        label_rule=settings.label_rule,
    )


def build_refresher(service: Service, collector: Collector) -> Refresher | None:
    """Build the refresher of the collector's source; None if that cannot read likes again."""
    source = collector.source
    if not isinstance(source, RefreshableSource):
        return None
    return Refresher(source, RefreshStore(service.sessions, source.name), collector.label_rule.min_age)
