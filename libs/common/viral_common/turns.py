"""One at a time: a Postgres advisory lock on a connection of its own, gone when its holder is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from sqlalchemy import text

from viral_common.database import Sessions

ASK_AGAIN_S = 2.0


@contextmanager
def turn(
    sessions: Sessions, name: str, stopping: threading.Event, on_wait: Callable[[], None]
) -> Iterator[bool]:
    """Hold the turn called `name` inside the block; yields False if `stopping` was set before it came.

    `on_wait` is called once if someone else holds it.
    """
    engine = sessions.kw["bind"]
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        told = False
        while not connection.scalar(
            text("SELECT pg_try_advisory_lock(hashtextextended(:name, 0))"), {"name": name}
        ):
            if not told:
                on_wait()
                told = True
            if stopping.wait(ASK_AGAIN_S):
                yield False
                return
        try:
            yield True
        finally:
            # Not back into the pool with the lock on it; closing the connection ends the turn.
            connection.invalidate()
