"""Decide when to collect: batch after batch while the source has any; then daily at a set time, or every `poll_s`."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import structlog
from viral_common.database.engine import POSTGRES_AWAY, Sessions
from viral_common.errors import ViralError

from viral_scraper import telemetry
from viral_scraper.collecting.collector import Collector
from viral_scraper.collecting.outages import Outages, explain_error, is_no_room
from viral_scraper.collecting.refresher import Refresher
from viral_scraper.daily import Daily
from viral_scraper.stores.advisory_lock import Lock, hold_lock

log = structlog.get_logger()

# A host may sleep, a clock be set, a connection break: while it waits for a time, a scraper looks up now and then.
LOOK_UP_S = 30.0


class Schedule:
    """Run the loop of `viral-scraper run`. Nothing ends it but `stopping`; whatever breaks is waited out."""

    def __init__(
        self,
        collector: Collector,
        sessions: Sessions,
        *,
        poll_s: float,
        batch_pause_s: float = 0,
        refresher: Refresher | None = None,
        daily: Daily | None = None,
    ) -> None:
        self._collector = collector
        self._sessions = sessions
        self._poll_s = poll_s
        self._batch_pause_s = batch_pause_s
        self._refresher = refresher
        self._daily = daily
        self._started = datetime.now(UTC)
        self._last_run: datetime | None = None
        self._due: datetime | None = None
        self._exhausted = False
        self._outages = Outages(most_s=poll_s)
        self._doing = "starting"

    def list_problems(self) -> list[str]:
        """List what keeps this scraper from collecting; nothing if it collects or only waits for more."""
        return self._outages.describe()

    def describe_work(self) -> str:
        """Describe what it is doing."""
        return self._doing

    def run(self, stopping: threading.Event) -> None:
        """Collect until `stopping`; interrupted anywhere, go on at the interval where it was."""
        while not stopping.is_set():
            try:
                with hold_lock(
                    self._sessions, self._collector.lock_name, stopping, self._report_waiting
                ) as mine:
                    self._outages.end("lock")
                    self._due = None
                    while mine and not stopping.is_set():
                        stopping.wait(self._run_step(mine, stopping))
            except Exception as error:  # the thread's edge: it must outlive everything
                if not (isinstance(error, POSTGRES_AWAY) or is_no_room(error)):
                    log.exception("collecting interrupted")
                stopping.wait(self._outages.record("collecting", explain_error(error)))

    def _run_step(self, mine: Lock, stopping: threading.Event) -> float:
        """Collect one batch if it is time for one; return how long to wait before the next step."""
        mine.confirm()
        if (early_s := self._compute_wait_s()) > 0:
            self._outages.end("collecting")
            return min(early_s, LOOK_UP_S)
        self._doing = f"collecting from {self._collector.title}"
        self._refresh(mine, stopping)
        try:
            batch = self._collector.collect_next(stopping, mine.confirm)
        except ViralError as error:
            return self._outages.record("collecting", explain_error(error))
        if stopping.is_set():
            return 0
        self._outages.end("collecting")
        if batch is None:
            return self._end_run()
        self._record_exhausted(False)
        return self._batch_pause_s

    def _refresh(self, mine: Lock, stopping: threading.Event) -> None:
        """Read likes again before the next batch, which is announced with their labels; a failure stops no batch."""
        if self._refresher is None:
            return
        try:
            self._refresher.refresh_due(stopping, mine.confirm)
        except ViralError as error:
            self._outages.record("reading likes again", explain_error(error))
        else:
            self._outages.end("reading likes again")

    def _compute_wait_s(self) -> float:
        if self._daily is None:
            return 0
        if self._due is None:
            self._due = self._find_next_due(self._daily)
            if self._due > datetime.now(UTC):
                self._doing = f"waits for the run of {self._due:%Y-%m-%d %H:%M} UTC"
                log.info("waits for the next run", at=self._due)
        return (self._due - datetime.now(UTC)).total_seconds()

    def _find_next_due(self, daily: Daily) -> datetime:
        """Find when to run next: at once for a batch that was begun and for a run that was missed."""
        batches = self._collector.batches
        if batches.find_unfinished():
            return datetime.now(UTC)
        ends = (batches.find_last_collected_at(), self._last_run)
        return daily.compute_next_after(max((end for end in ends if end), default=self._started))

    def _end_run(self) -> float:
        """Wait for the next day's run, or ask the source again after `poll_s`."""
        self._record_exhausted(True)
        if self._daily:
            self._last_run, self._due = datetime.now(UTC), None
            return 0
        self._doing = f"nothing more to collect for now; asked again every {self._poll_s:g} s"
        return self._poll_s

    def _record_exhausted(self, exhausted: bool) -> None:
        if exhausted and not self._exhausted:
            log.info("nothing more to collect for now")
        self._exhausted = exhausted
        telemetry.SOURCE_EXHAUSTED.set(exhausted)

    def _report_waiting(self) -> None:
        self._outages.end("collecting")
        self._outages.record(
            "lock", f"another scraper collects from {self._collector.title}; this one waits to take over"
        )
