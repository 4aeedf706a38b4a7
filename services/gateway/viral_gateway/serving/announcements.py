"""Wake every open event stream of this process when a new model took over."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager

from viral_gateway import telemetry


class Announcements:
    """Publish from any thread; listen on the event loop it was attached to."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Event] = set()
        self.streams: Counter[Hashable] = Counter()
        """Open streams by caller."""

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    def publish(self) -> None:
        """Wake everyone listening; they look up what serves now. Nobody listening is fine."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._wake)

    @contextmanager
    def listen(self) -> Iterator[asyncio.Event]:
        """Yield an event that is set after each swap; clear it before waiting again."""
        news = asyncio.Event()
        self._listeners.add(news)
        telemetry.LISTENERS.inc()
        try:
            yield news
        finally:
            self._listeners.discard(news)
            telemetry.LISTENERS.dec()

    def _wake(self) -> None:
        for news in self._listeners:
            news.set()
