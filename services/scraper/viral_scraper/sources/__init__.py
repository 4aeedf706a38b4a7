"""Where tweets come from. A new source is one file here and one line in SOURCES."""

from __future__ import annotations

from collections.abc import Callable

from viral_common.errors import UsageError

from viral_scraper.progress import Tell
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.archive import ArchiveSource
from viral_scraper.sources.base import Source, Window
from viral_scraper.sources.simulated import SimulatedSource

__all__ = ["SOURCES", "Source", "Window", "build_source"]

SOURCES: dict[str, Callable[[ScraperSettings, Tell], Source]] = {
    "archive": ArchiveSource.of,
    "simulated": SimulatedSource.of,
}


def build_source(settings: ScraperSettings, tell: Tell) -> Source:
    """The source that VIRAL_SOURCE names; `tell` hears of its long work."""
    if settings.source not in SOURCES:
        raise UsageError(f"VIRAL_SOURCE={settings.source} is no source; choose one of: {', '.join(SOURCES)}")
    return SOURCES[settings.source](settings, tell)
