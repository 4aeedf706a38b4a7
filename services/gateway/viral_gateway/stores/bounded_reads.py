"""Read Postgres within a deadline, on a few threads of one's own, and ask it rarely while it counts as away."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import TypeVar

import structlog
from viral_common.errors import ServerAway

from viral_gateway.stores.read_session import POSTGRES_AWAY

log = structlog.get_logger()

T = TypeVar("T")
# Those of authors and those of pages together leave the service's own threads some of Postgres's connections.
THREADS = 5
# So many failures in a row, for a single slow answer is no outage.
MOST_FAILURES = 3
# Then it counts as away for so long; after that one call asks it, and the others wait for what comes of it.
AWAY_S = 5.0


class BoundedReads:
    """Break the circuit to a Postgres that is silent: it holds these threads at most, no caller past the deadline."""

    def __init__(self, reads: str, deadline_s: float, timer: Callable[[], float] = time.monotonic) -> None:
        self._reads, self._deadline_s, self._timer = reads, deadline_s, timer
        self._pool = ThreadPoolExecutor(THREADS, f"read {reads}")
        self._failures, self._away_until = 0, float("-inf")

    async def read(self, call: Callable[[], T]) -> T:
        """Return what `call` reads. Raises ServerAway at the deadline, and at once while Postgres counts as away."""
        if self._timer() < self._away_until:
            raise ServerAway(POSTGRES_AWAY)
        if self._failures >= MOST_FAILURES:
            self._away_until = self._timer() + AWAY_S
        try:
            async with asyncio.timeout(self._deadline_s):
                answer = await asyncio.wrap_future(self._pool.submit(copy_context().run, call))
        except TimeoutError as error:
            self._count_failure(f"no answer within {self._deadline_s:g} s")
            raise ServerAway(POSTGRES_AWAY) from error
        except ServerAway as error:
            self._count_failure(str(error))
            raise
        if self._failures >= MOST_FAILURES:
            log.info("Postgres answers again", reads=self._reads)
            self._away_until = float("-inf")
        self._failures = 0
        return answer

    def _count_failure(self, reason: str) -> None:
        self._failures += 1
        if self._failures >= MOST_FAILURES:
            self._away_until = self._timer() + AWAY_S
        if self._failures == MOST_FAILURES:
            log.warning("Postgres counts as away", reads=self._reads, reason=reason, asked_every_s=AWAY_S)
