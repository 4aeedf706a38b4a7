"""Read likes again once tweets are old enough, for sources that collect them young."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog
from viral_common.refresh_store import RefreshStore

from viral_scraper.sources.base import Refreshable

log = structlog.get_logger()

AT_ONCE = 1_000


@dataclass(frozen=True)
class Refresher:
    """One source's tweets; killed anywhere, it goes on with those that are still due."""

    source: Refreshable
    store: RefreshStore
    min_age: timedelta

    def refresh_due(self, stopping: threading.Event, confirm: Callable[[], None] = lambda: None) -> int:
        """Read all that are due; delete here what is gone there. Returns how many tweets have a label now.

        Raises what the source raises: then nothing of that round is taken for gone; and what `confirm`, called before
        each round, raises.
        """
        refreshed = 0
        while not stopping.is_set() and (ids := self.store.due(self.min_age, AT_ONCE)):
            confirm()
            read = list(self.source.refresh(ids))
            gone = sorted(set(ids) - {one.external_id for one in read})
            self.store.record(read)
            self.store.remove(gone)
            refreshed += len(read)
            log.info("likes read again", tweets=len(read), gone=len(gone))
        return refreshed
