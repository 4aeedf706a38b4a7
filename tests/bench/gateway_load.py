"""A cheap load generator in a process of its own: `python -m tests.bench.gateway_load CONFIG` prints one line of JSON.

Raw HTTP/1.1 over asyncio, so that it takes a few percent of a core. Closed loop: each connection asks again when it is
answered. Open loop (`rate`): requests leave when they are due, and a late one's time counts from when it was due.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import deque
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, cast

import uvloop

WARM_UP_S = 0.5
# A request without an answer for so long when all is over has failed.
GRACE_S = 1.0
# Within this, a probability is of the version that the reply names; versions lie further apart.
SAME = 2e-3


@dataclass
class Config:
    """What to send where. `bodies` names a file of JSON lines; `expected` the probabilities by version and body."""

    ports: list[int]
    bodies: str
    path: str = "/v1/predictions"
    connections: int = 1
    seconds: float = 3.0
    rate: float | None = None
    expected: dict[str, list[list[float]]] = field(default_factory=dict)


@dataclass
class Outcome:
    """What came back; times in milliseconds."""

    requests: int
    per_s: float
    p50_ms: float
    p99_ms: float
    p999_ms: float
    failed: int
    mixed: int


class Load:
    """Everything that is sent and measured."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.requests = [
            _request(config.path, line) for line in Path(config.bodies).read_bytes().splitlines()
        ]
        self.sent, self.failed, self.mixed = 0, 0, 0
        self.took: list[float] = []
        self.connections: list[Connection] = []
        self.idle: dict[int, deque[Connection]] = {port: deque() for port in config.ports}
        self.closing = False
        self.opening: set[asyncio.Future[None]] = set()

    async def run(self) -> Outcome:
        """Warm up, measure, stop."""
        if self.config.rate is None:
            for port in self.config.ports:
                for _ in range(self.config.connections):
                    await self._open(port, time.perf_counter())
            await asyncio.sleep(WARM_UP_S)
            started = self._start_over()
            await asyncio.sleep(self.config.seconds)
        else:
            started = self._start_over()
            await self._at_rate(self.config.rate)
        ended = time.perf_counter()
        took, seconds = sorted(self.took), ended - started
        unanswered = sum(one.busy and ended - one.since >= GRACE_S for one in self.connections)
        self.closing = True
        return Outcome(
            requests=len(took),
            per_s=len(took) / seconds,
            p50_ms=1e3 * took[len(took) // 2] if took else 0.0,
            p99_ms=1e3 * took[len(took) * 99 // 100] if took else 0.0,
            p999_ms=1e3 * took[len(took) * 999 // 1000] if took else 0.0,
            failed=self.failed + unanswered,
            mixed=self.mixed,
        )

    def _start_over(self) -> float:
        self.took, self.failed, self.mixed = [], 0, 0
        return time.perf_counter()

    async def _at_rate(self, rate: float) -> None:
        due, end = time.perf_counter(), time.perf_counter() + self.config.seconds
        turn = 0
        while due < end:
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            while due <= time.perf_counter():
                port = self.config.ports[turn % len(self.config.ports)]
                if self.idle[port]:
                    self.idle[port].popleft().ask(due)
                else:
                    await self._open(port, due)
                turn, due = turn + 1, due + 1 / rate
        await asyncio.sleep(GRACE_S)

    def answered(self, connection: Connection, ok: bool, body: bytes) -> None:
        """Count it; in a closed loop ask again."""
        self.took.append(time.perf_counter() - connection.since)
        self.failed += not ok
        if ok and self.config.expected:
            self.mixed += not self._of_one_version(connection.asked, json.loads(body))
        if self.closing:
            return
        if connection.ended:
            self.opening.add(asyncio.ensure_future(self._open(connection.port, time.perf_counter())))
        elif self.config.rate is None:
            connection.ask(time.perf_counter())
        else:
            self.idle[connection.port].append(connection)

    async def _open(self, port: int, since: float) -> None:
        """Another connection, for a request that is due `since`; one that cannot be had is a failed request."""
        loop = asyncio.get_running_loop()
        try:
            _, connection = await loop.create_connection(lambda: Connection(self, port), "127.0.0.1", port)
        except OSError:
            self.failed += 1
        else:
            self.connections.append(connection)
            connection.ask(since)

    def _of_one_version(self, asked: int, reply: dict[str, Any]) -> bool:
        said = [prediction["probability"] for prediction in reply["predictions"]]
        wanted = self.config.expected[str(reply["model"]["version"])][asked]
        return len(said) == len(wanted) and all(
            abs(one - other) < SAME for one, other in zip(said, wanted, strict=True)
        )


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, load: Load, port: int) -> None:
        self.load, self.port = load, port
        self.asked, self.since, self._received = 0, 0.0, b""
        self.busy = self.ended = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def ask(self, since: float) -> None:
        """Send the next body; `since` is when it was due."""
        self.since, self._received, self.busy = since, b"", True
        self.asked = self.load.sent % len(self.load.requests)
        self.load.sent += 1
        self._transport.write(self.load.requests[self.asked])

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, _, body = self._received.partition(b"\r\n\r\n")
        _, _, length = head.lower().partition(b"\r\ncontent-length: ")
        if length and len(body) >= int(length.partition(b"\r\n")[0]):
            self.busy = False
            self.ended = b"\r\nconnection: close" in head.lower()  # Flask's own server does after each reply
            self.load.answered(self, head.startswith((b"HTTP/1.1 200", b"HTTP/1.0 200")), body)

    def connection_lost(self, exc: Exception | None) -> None:
        self.load.failed += self.busy and not self.load.closing
        with suppress(ValueError):  # one that waited too long for work: nothing may be written to it
            self.load.idle[self.port].remove(self)


def _request(path: str, body: bytes) -> bytes:
    lines = [f"POST {path} HTTP/1.1", "Host: bench", "Content-Type: application/json"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


if __name__ == "__main__":
    print(json.dumps(asdict(uvloop.run(Load(Config(**json.loads(sys.argv[1]))).run()))))  # noqa: T201
