"""Keep the connection to Jetstream: resumed where it broke, stored as it goes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import urlencode

import structlog
from viral_common.errors import summarise_error
from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from viral_scraper import telemetry
from viral_scraper.sources.bluesky.events import COLLECTIONS, LATE_US, EventSorter
from viral_scraper.sources.retries import draw_backoff_s
from viral_scraper.stores.streams import StreamStore, to_moment

log = structlog.get_logger()

STORE_EVERY_EVENTS = 10_000
# A stream that goes on so much later than asked has left something out: the server keeps only some days.
GAP_US = 600_000_000
LARGEST_EVENT = 1024 * 1024  # bytes; a record may have no more, and posts have some thousand
STORE_EVERY_BYTES = 32 * 1024 * 1024


@dataclass(frozen=True)
class Pace:
    """Hold how often things are done; tests have less time."""

    store_every_s: float = 1.0
    settle_every_s: float = 60.0
    silence_s: float = 60.0
    """The network is never quiet for so long: the connection is lost."""
    reconnect_after_s: Callable[[int], float] = draw_backoff_s


class Stream:
    """Receive until `stopping`. All that it knows is in Postgres; what was not stored is received again."""

    def __init__(
        self, url: str, store: StreamStore, sorter: Callable[[], EventSorter], min_age: timedelta, pace: Pace
    ) -> None:
        self._url = url
        self._store = store
        self._make_sorter = sorter
        self._min_age = min_age
        self._pace = pace
        self._settled_at = 0.0
        self.problem: str | None = None
        self.unsure = 0

    def run(self, stopping: threading.Event) -> None:
        """Connect, receive, and when that breaks wait and connect again. Raises POSTGRES_AWAY."""
        failures = 0
        while not stopping.is_set():
            sorter = self._make_sorter()
            try:
                self._receive(sorter, stopping)
            except (OSError, WebSocketException) as error:
                self._record_problem(
                    f"Bluesky's stream is away ({summarise_error(error)}); it is resumed where it broke"
                )
            failures = 0 if sorter.received_any else failures + 1
            stopping.wait(self._pace.reconnect_after_s(failures))

    def _record_problem(self, problem: str) -> None:
        if problem != self.problem:
            log.warning("stream interrupted", reason=problem)
        self.problem = problem

    def _receive(self, sorter: EventSorter, stopping: threading.Event) -> None:
        cursor_us = self._store.read_cursor_us()
        with connect(
            self._build_address(cursor_us), compression=None, max_size=LARGEST_EVENT, close_timeout=1
        ) as connection:
            log.info("listening", since=to_moment(cursor_us) if cursor_us else "now")
            while not stopping.is_set():
                try:
                    first_us = self._take_some(connection, sorter, stopping)
                except (OSError, WebSocketException):
                    # However short a connection lives, it brings the cursor forward.
                    self._store_all(sorter)
                    raise
                if first_us and cursor_us is not None:
                    self._drop_posts_in_gap(cursor_us, first_us)
                    cursor_us = None
                self._store_all(sorter)
                self.problem = None

    def _build_address(self, cursor_us: int | None) -> str:
        """Build the URL, resumed a little earlier: what comes twice counts once."""
        wanted: list[tuple[str, str | int]] = [("wantedCollections", name) for name in COLLECTIONS]
        if cursor_us is not None:
            wanted.append(("cursor", cursor_us - LATE_US))
        return f"{self._url}?{urlencode(wanted)}"

    def _take_some(self, connection: ClientConnection, sorter: EventSorter, stopping: threading.Event) -> int:
        """Receive for a while or until there is much to store; return the first event's time."""
        started = time.monotonic()
        first_us = received = 0
        for _ in range(STORE_EVERY_EVENTS):
            waited = time.monotonic() - started
            if (
                waited >= (self._pace.store_every_s if first_us else self._pace.silence_s)
                or stopping.is_set()
                or received > STORE_EVERY_BYTES
            ):
                break
            try:
                message = connection.recv(timeout=self._pace.store_every_s, decode=False)
                time_us = sorter.take(message)
            except TimeoutError:
                continue
            first_us, received = first_us or time_us, received + len(message)
        else:
            return first_us
        if not first_us and not stopping.is_set():
            raise OSError(f"nothing usable received for {self._pace.silence_s:.0f} s")
        return first_us

    def _store_all(self, sorter: EventSorter) -> None:
        received = sorter.take_all()
        telemetry.STREAM_EVENTS.inc(received.count)
        if received.cursor_us:
            self._store.store(received)
            telemetry.STREAM_RECEIVED_UNTIL.set(received.cursor_us / 1e6)
        if time.monotonic() - self._settled_at >= self._pace.settle_every_s:
            self._settled_at = time.monotonic()
            self._store.settle(self._min_age, timedelta(microseconds=LATE_US))

    def _drop_posts_in_gap(self, stored_us: int, first_us: int) -> None:
        """Drop posts that were young while nobody listened: better no likes than wrong ones."""
        if first_us - stored_us <= GAP_US:
            return
        since, until = to_moment(stored_us), to_moment(first_us)
        dropped = self._store.drop_unsure(since - self._min_age, until)
        self.unsure += dropped
        log.warning("stream resumed after a gap", since=since, until=until, posts_dropped=dropped)
