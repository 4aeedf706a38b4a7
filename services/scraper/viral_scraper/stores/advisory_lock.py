"""Lock out other scrapers by a Postgres advisory lock on a connection of its own, released when its holder dies."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Connection, text
from viral_common.database.engine import Sessions

ASK_AGAIN_S = 2.0


@dataclass(frozen=True)
class Lock:
    """Hold a lock for as long as its connection lives."""

    connection: Connection

    def confirm(self) -> None:
        """Confirm that the connection lives. Raises OperationalError if not: somebody else may hold the lock by now.

        Other connections are made anew without a word, so a holder that means not to do a costly thing twice asks.
        """
        self.connection.execute(text("SELECT 1"))


@contextmanager
def hold_lock(
    sessions: Sessions,
    name: str,
    stopping: threading.Event,
    on_wait: Callable[[], None],
    timeout_s: float = float("inf"),
) -> Iterator[Lock | None]:
    """Hold the lock called `name` inside the block; None if `stopping` was set, or the timeout ran out, before it came.

    `on_wait` is called once if someone else holds it.
    """
    engine = sessions.kw["bind"]
    asked_until = time.monotonic() + timeout_s
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        waiting = False
        while not connection.scalar(
            text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": name}
        ):
            if not waiting:
                on_wait()
                waiting = True
            if stopping.wait(ASK_AGAIN_S) or time.monotonic() > asked_until:
                yield None
                return
        try:
            yield Lock(connection)
        finally:
            # Not back into the pool with the lock on it; closing the connection releases it.
            connection.invalidate()
