"""Watch whether services that say they are ready also move."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from tests.chaos.facts import ask_health
from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import GATEWAYS

LOOK_S = 1.0
# Who is ready and has work takes it up within this time, or no longer says that it is ready (30 s, and a look).
LONGEST_S = 35.0
# A handler may be at one event for so long.
LONGEST_WORK_S = 90.0
# What Postgres said is believed for so long.
FRESH_S = 3.0

# One row for each service that has something to do, and what: as long as it stays the same nothing has moved. A worker
# does one thing at a time, and an event that must wait for another is due anew.
WAITING = text("""
    SELECT service, 'publish ' || min(seq) AS work, false AS taken
    FROM outbox WHERE published_at IS NULL GROUP BY service
    UNION ALL
    SELECT service, 'handle ' || min(event_id || ', due ' || coalesce(lease_until, due_at)), false
    FROM inbox WHERE ((state = 'pending' AND due_at <= clock_timestamp())
        OR (state = 'running' AND lease_until < clock_timestamp()))
        AND service NOT IN (
            SELECT service FROM inbox WHERE state = 'running' AND lease_until >= clock_timestamp()
        )
    GROUP BY service
    UNION ALL
    SELECT service, 'finish ' || min(event_id || ', claim ' || claims), true
    FROM inbox WHERE state = 'running' AND lease_until >= clock_timestamp() GROUP BY service
    UNION ALL
    SELECT receiver, 'receive ' || min(message_id), false
    FROM outbox JOIN (VALUES ('batch.collected', 'trainer'), ('model.trained', 'evaluator'))
        AS receivers (type, receiver) ON type = routing_key
    WHERE published_at IS NOT NULL AND NOT EXISTS (
        SELECT 1 FROM inbox WHERE service = receiver AND event_id::text = message_id
    )
    GROUP BY receiver
    UNION ALL
    SELECT 'scraper', 'collect ' || count(*) || ', ' || (SELECT count(stored_at) FROM batch_intervals), false
    FROM batches HAVING count(collected_at) < :batches
""")
CHAMPION = text("SELECT model_version FROM promotions ORDER BY seq DESC LIMIT 1")


@dataclass(frozen=True)
class Work:
    """What a service has to do; equal as long as it has not moved. `taken`: it says that it is at it."""

    name: str
    taken: bool = False

    @property
    def longest_s(self) -> float:
        """How long it may take."""
        return LONGEST_WORK_S if self.taken else LONGEST_S


@dataclass
class StandstillTracker:
    """Find who said for too long that it is ready, while the same work waited for it."""

    _since: dict[tuple[str, Work], float] = field(default_factory=dict)
    found: dict[str, float] = field(default_factory=dict)
    """In words, and for how many seconds at most."""

    def observe(self, at_s: float, service: str, ready: bool, waiting: set[Work]) -> None:
        """Take in what one look showed; what no longer waits, or waits for somebody not ready, begins anew."""
        for known in [
            key for key in self._since if key[0] == service and (not ready or key[1] not in waiting)
        ]:
            del self._since[known]
        for work in waiting if ready else ():
            lasted_s = at_s - self._since.setdefault((service, work), at_s)
            if lasted_s > work.longest_s:
                said = f"the {service} says it is ready, and does not {work.name}"
                self.found[said] = round(max(lasted_s, self.found.get(said, 0)), 1)


@dataclass
class Watcher:
    """Look at every service each second, from threads of their own."""

    pipeline: Pipeline
    engine: Engine
    batches: int = 0
    """To be collected so far."""
    tracker: StandstillTracker = field(default_factory=StandstillTracker)
    _waiting: dict[str, set[Work]] = field(default_factory=dict)
    _champion: int | None = None
    _read_at: float = float("-inf")
    _stopping: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def run(self) -> Iterator[None]:
        """Watch inside the block."""
        looks = [threading.Thread(target=self._read_waiting, name="waiting", daemon=True)]
        looks += [
            threading.Thread(target=self._look_at, args=(name,), name=f"look at {name}", daemon=True)
            for name in self.pipeline.services
        ]
        for look in looks:
            look.start()
        try:
            yield
        finally:
            self._stopping.set()

    def _read_waiting(self) -> None:
        while not self._stopping.wait(LOOK_S):
            try:
                with self.engine.connect() as connection:
                    rows = connection.execute(WAITING, {"batches": self.batches}).all()
                    champion = connection.scalar(CHAMPION)
            except SQLAlchemyError:  # disturbed itself: nothing is known of this moment
                continue
            waiting: dict[str, set[Work]] = {}
            for service, work, taken in rows:
                waiting.setdefault(service, set()).add(Work(work, taken))
            with self._lock:
                self._waiting, self._champion, self._read_at = waiting, champion, time.monotonic()

    def _look_at(self, service: str) -> None:
        while not self._stopping.wait(LOOK_S):
            said = ask_health(self.pipeline, service, timeout_s=3)
            with self._lock:
                known = time.monotonic() - self._read_at < FRESH_S
                waiting = set(self._waiting.get(service.partition("-")[0], ())) if known else set()
                if known and service in GATEWAYS:
                    waiting = self._find_swap(said.get("model") or {})
                self.tracker.observe(time.monotonic(), service, not said.get("missing"), waiting)

    def _find_swap(self, serving: dict[str, object]) -> set[Work]:
        behind = self._champion is not None and serving.get("version") != self._champion
        return {Work(f"serve version {self._champion}")} if behind else set()
