"""Collect one batch: plan it, fetch its intervals until it is full, finish it. Killed anywhere, it goes on."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

import structlog
from viral_common.database.tables import Batch, BatchInterval
from viral_common.delivery.service import Service
from viral_common.tweets.label_rule import LabelRule

from viral_scraper.collecting.intervals import derive_batch_id, draw_random_intervals
from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import PreparingSource, Source, build_source
from viral_scraper.stores.batches import BatchStore, Emit
from viral_scraper.stores.copy_row import PreparedTweets, prepare
from viral_scraper.stores.forgotten import ForgottenNames

log = structlog.get_logger()

# No interval gives more than this share of a batch: a burst within minutes must not drown the rest of the days.
MOST_SHARE = 0.1
# An interval is asked for more than its share, for filters and duplicates take some away.
ASKED_SHARES = 2

# Thin intervals of a source that has everything at hand are stored together: a transaction costs as much as some
# hundred tweets. After a kill the same intervals come together again, so the outcome is the same. Other sources' are
# stored one by one: a kill has no more than the one under way asked for again.
STORE_AT_ONCE = 5_000


@dataclass(frozen=True)
class Collector:
    """Collect one source's batches, one after the other."""

    source: Source
    batches: BatchStore
    emit: Emit | None
    """None: nobody is to train on the batches."""
    report: ReportProgress
    batch_size: int
    label_rule: LabelRule

    @classmethod
    def from_settings(
        cls,
        settings: ScraperSettings,
        service: Service,
        report: ReportProgress,
        source: Source | None = None,
        train: bool = True,
    ) -> Self:
        """Build the collector of a source: without one, of that which VIRAL_SOURCE names."""
        source = source or build_source(settings, report, service.sessions)
        return cls(
            source=source,
            batches=BatchStore(
                service.sessions, source.name, source.query, ForgottenNames(settings.forget_key)
            ),
            emit=service.emit if train else None,
            report=report,
            batch_size=settings.batch_size,
            label_rule=settings.label_rule,
        )

    @property
    def title(self) -> str:
        """For people."""
        return f"{self.source.name} ({self.source.query})" if self.source.query else self.source.name

    @property
    def lock_name(self) -> str:
        """Whoever collects from this source holds the lock of this name."""
        return f"collect:{self.source.name}:{self.source.query}"

    def collect_next(
        self, stopping: threading.Event, confirm: Callable[[], None] = lambda: None
    ) -> Batch | None:
        """Go on with the unfinished batch or begin the next. None: the source has no more, or `stopping` was set.

        `confirm` is called before anything is fetched, and raises if somebody else may be collecting.
        """
        self.batches.check_forget_key()
        batch = self.batches.find_unfinished() or self._plan_next()
        if batch is None:
            return None
        self._fill(batch, stopping, confirm)
        if stopping.is_set():
            return None
        batch = self.batches.finish(batch.id, self.label_rule, self.emit)
        _log_batch(batch)
        return batch

    def _plan_next(self) -> Batch | None:
        after = self.batches.find_collected_until()
        window = self.source.find_next_window(after, self.batch_size)
        if window is None:
            return None
        batch_id = derive_batch_id(self.source.name, self.source.query, window)
        log.info("batch begun", batch=str(batch_id), window_from=window.since, window_to=window.until)
        intervals = draw_random_intervals(batch_id, window)
        return self.batches.plan(batch_id, window, self.batch_size, intervals)

    def _fill(self, batch: Batch, stopping: threading.Event, confirm: Callable[[], None]) -> None:
        kept = batch.tweet_count
        share = math.ceil(batch.target * MOST_SHARE)
        fetched: dict[int, PreparedTweets] = {}
        for interval in self.batches.list_waiting_intervals(batch.id):
            if kept >= batch.target or stopping.is_set():
                return
            confirm()
            fetched[interval.position] = self._fetch(interval, ASKED_SHARES * share)
            if not self._is_local or sum(one.count for one in fetched.values()) >= STORE_AT_ONCE:
                kept = self._report_stored(self.batches.store(fetched, batch.id, share))
                fetched = {}
        if fetched and not stopping.is_set():
            kept = self._report_stored(self.batches.store(fetched, batch.id, share))
        # One at a time: whatever of this was done before a kill, doing it again changes nothing.
        for interval in self.batches.list_bounded_intervals(batch.id, share) if kept < batch.target else ():
            if kept >= batch.target or stopping.is_set():
                return
            confirm()
            rest = self._fetch(interval, ASKED_SHARES * batch.target)
            kept = self._report_stored(self.batches.store_rest(interval.position, rest, batch.id))

    @property
    def _is_local(self) -> bool:
        return isinstance(self.source, PreparingSource)

    def _fetch(self, interval: BatchInterval, most: int) -> PreparedTweets:
        if isinstance(self.source, PreparingSource):
            return self.source.read_prepared(interval.since, interval.until, most)
        return prepare(self.source.search(interval.since, interval.until, most))

    def _report_stored(self, batch: Batch) -> int:
        self.report("collected", batch.tweet_count, batch.target)
        return batch.tweet_count


def _log_batch(batch: Batch) -> None:
    log.info(
        "batch collected" if batch.tweet_count else "batch is empty, nothing announced",
        batch=str(batch.id),
        tweets=batch.tweet_count,
        target=batch.target,
        train=batch.train_count,
        validation=batch.validation_count,
        test=batch.test_count,
        viral_rate=batch.viral_rate and round(batch.viral_rate, 4),
        left_out=batch.filtered,
    )
