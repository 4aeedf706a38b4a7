"""When to collect: batch after batch while the source has any, then ask again now and then."""

from __future__ import annotations

import threading

import structlog
from viral_common import telemetry
from viral_common.database import POSTGRES_AWAY, Sessions
from viral_common.errors import ViralError
from viral_common.turns import turn

from viral_scraper.collect import Collector

log = structlog.get_logger()

RETRY_S = 2.0


class Schedule:
    """The loop of `viral-scraper run`. Nothing ends it but `stopping`."""

    def __init__(self, collector: Collector, sessions: Sessions, poll_s: float, batch_pause_s: float) -> None:
        self._collector = collector
        self._sessions = sessions
        self._poll_s = poll_s
        self._batch_pause_s = batch_pause_s
        self._exhausted = False
        self.problem: str | None = None

    def missing(self) -> list[str]:
        """What keeps this scraper from collecting, in words; nothing if it collects or only waits for more."""
        return [self.problem] if self.problem else []

    def run(self, stopping: threading.Event) -> None:
        """Collect until `stopping`; with Postgres away, pause and go on at the interval where it was."""
        while not stopping.is_set():
            try:
                with turn(self._sessions, self._collector.turn, stopping, self._tell_waiting) as mine:
                    while mine and not stopping.is_set():
                        stopping.wait(self._batch_pause_s if self._collected(stopping) else self._poll_s)
            except POSTGRES_AWAY as error:
                self._note(
                    f"Postgres does not answer; collecting goes on when it does ({_first_line(error)})"
                )
                stopping.wait(RETRY_S)
            except Exception as error:  # the thread's edge: it must outlive everything
                log.exception("collecting interrupted", retry_in_s=RETRY_S)
                self._note(f"collecting failed and is tried again: {error!r}")
                stopping.wait(RETRY_S)

    def _collected(self, stopping: threading.Event) -> bool:
        """Whether there was a batch; a source that cannot deliver is named once, not on every attempt."""
        try:
            batch = self._collector.collect_next(stopping)
        except ViralError as error:
            self._note(str(error))
            return False
        self._note(None)
        if batch is None and not self._exhausted and not stopping.is_set():
            log.info("nothing more to collect for now", asked_again_every_s=self._poll_s)
        self._exhausted = batch is None
        telemetry.SOURCE_EXHAUSTED.set(self._exhausted)
        return batch is not None

    def _tell_waiting(self) -> None:
        self._note(
            f"another scraper collects from {self._collector.source.name}; this one waits for its turn"
        )

    def _note(self, problem: str | None) -> None:
        if problem and problem != self.problem:
            log.warning("not collecting", reason=problem)
        self.problem = problem


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().splitlines()[0]
