"""Build the source that the settings name. A new source is one file here and one line in SOURCES."""

from __future__ import annotations

import pkgutil
from typing import cast

from viral_common.database.engine import Sessions
from viral_common.errors import UsageError

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import Source, SourceClass, Window

__all__ = ["SOURCES", "Source", "Window", "build_source", "load_source_class"]

# By name, not by import: a host needs the libraries of the source that it collects from, and of no other.
SOURCES: dict[str, str] = {
    "archive": "viral_scraper.sources.archive.source:ArchiveSource",
    "bluesky": "viral_scraper.sources.bluesky.source:BlueskySource",
    "mastodon": "viral_scraper.sources.mastodon:MastodonSource",
    "simulated": "viral_scraper.sources.simulated:SimulatedSource",
    "twint": "viral_scraper.sources.twint:TwintSource",
    "x": "viral_scraper.sources.x.source:XSource",
}


def build_source(settings: ScraperSettings, report: ReportProgress, sessions: Sessions) -> Source:
    """Build the source that VIRAL_SOURCE names; `report` shows its long work."""
    return load_source_class(settings.source).from_settings(settings, report, sessions)


def load_source_class(name: str) -> SourceClass:
    """Load a source's class. Raises UsageError if there is none of that name, or its library is not installed."""
    if name not in SOURCES:
        raise UsageError(f"VIRAL_SOURCE={name} is no source; choose one of: {', '.join(SOURCES)}")
    try:
        return cast(SourceClass, pkgutil.resolve_name(SOURCES[name]))
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the source {name} needs the package {error.name}: pip install 'viral-tweets[{name}]'"
        ) from error
