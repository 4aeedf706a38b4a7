"""A Jetstream server for tests: replays from a cursor, breaks off, repeats itself, and mixes up the order."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import orjson
from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Event = dict[str, Any]

MOST_LATE_US = 40_000_000  # how far an event is moved, at most


@dataclass
class Jetstream:
    """What is served, how badly, and what was asked for."""

    events: list[Event]
    url: str = ""
    breaks_after: int | None = None
    """Events after which each connection breaks, so many times as there are events."""
    repeats: float = 0.0
    """Share of the events that come twice."""
    mixes: bool = False
    pause_s: float = 0.0
    """Between two events."""
    oldest_us: int = 0
    """What is older is not kept."""
    seed: int = 0
    connections: list[dict[str, list[str]]] = field(default_factory=list)
    done: threading.Event = field(default_factory=threading.Event)

    def answer(self, connection: ServerConnection) -> None:
        """Replay, then stay silent."""
        assert connection.request is not None
        asked = parse_qs(urlsplit(connection.request.path).query)
        self.connections.append(asked)
        after = max(int(asked.get("cursor", ["0"])[0]), self.oldest_us)
        kept = [event for event in self.events if event["time_us"] > after]
        try:
            for sent, event in enumerate(self._disturbed(kept), start=1):
                connection.send(orjson.dumps(event).decode())
                time.sleep(self.pause_s)
                if self.breaks_after and sent >= self.breaks_after and len(self.connections) < 30:
                    connection.socket.close()
                    return
            self.done.set()
            connection.recv()  # a client sends nothing: this ends when it goes
        except (ConnectionClosed, OSError):
            return

    def _disturbed(self, events: Sequence[Event]) -> list[Event]:
        chance = random.Random(f"{self.seed} {len(self.connections)}")
        twice = [copy for event in events for copy in [event] * (1 + (chance.random() < self.repeats))]
        if self.mixes:
            twice.sort(key=lambda event: event["time_us"] + chance.uniform(0, MOST_LATE_US))
        return twice


@contextmanager
def serving(jetstream: Jetstream) -> Iterator[Jetstream]:
    """On a free port of this machine, until the block ends."""
    with serve(jetstream.answer, "127.0.0.1", 0, compression=None) as server:
        jetstream.url = f"ws://127.0.0.1:{server.socket.getsockname()[1]}/subscribe"
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield jetstream
        finally:
            server.shutdown()
            thread.join(5)
