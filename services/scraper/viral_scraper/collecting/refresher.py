"""Read likes again once tweets are old enough, for sources that collect them young."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from viral_common.database.engine import Sessions
from viral_common.tweets.tweet import Engagement

from viral_scraper.collecting.collector import Collector
from viral_scraper.sources.base import RefreshableSource
from viral_scraper.stores.refreshes import RefreshStore

log = structlog.get_logger()

AT_ONCE = 1_000


@dataclass(frozen=True)
class Refresher:
    """Refresh one source's tweets; killed anywhere, it goes on with those that are still due."""

    source: RefreshableSource
    store: RefreshStore
    min_age: timedelta

    def refresh_due(self, stopping: threading.Event, confirm: Callable[[], None] = lambda: None) -> int:
        """Read all that are due; delete here what is gone there. Returns how many tweets have a label now.

        Raises what the source raises: then what it had read is kept and nothing of that round is taken for gone; and
        what `confirm`, called before each round, raises.
        """
        refreshed = 0
        asked: set[str] = set()
        while not stopping.is_set() and (ids := self._find_due(asked)):
            confirm()
            read: dict[str, Engagement] = {}
            try:
                for one in self.source.refresh(ids):
                    read[one.external_id] = one
            finally:
                self.store.record(read.values())  # it may have been paid for
            gone = sorted(set(ids) - read.keys())
            self.store.remove(gone)
            refreshed += len(read)
            asked.update(ids)
            log.info("likes read again", tweets=len(read), gone=len(gone))
        return refreshed

    def _find_due(self, asked: set[str]) -> list[str]:
        # Where this host's clock is behind Postgres's, what was just read counts as read too young, and is due again.
        return [one for one in self.store.find_due(self.min_age, AT_ONCE) if one not in asked]


def build_refresher(sessions: Sessions, collector: Collector) -> Refresher | None:
    """Build the refresher of the collector's source; None if that cannot read likes again."""
    source = collector.source
    if not isinstance(source, RefreshableSource):
        return None
    return Refresher(source, RefreshStore(sessions, source.name), collector.label_rule.min_age)
