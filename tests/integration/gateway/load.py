"""Ask for predictions without a pause, on connections that are kept as long as the gateway lets them."""

from __future__ import annotations

import itertools
import json
import ssl
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from typing import NamedTuple

import numpy as np
import structlog

from tests.eventually import eventually

log = structlog.get_logger()

TIMEOUT_S = 30.0
# Nobody listens: asked again after this, for nothing was sent.
REFUSED_S = 0.02


class Outcome(NamedTuple):
    """Hold what became of a request that was sent: its reply's status, or the error instead."""

    result: int | str
    ended_at: float
    took_s: float


class Load:
    """Let so many callers ask; each opens a new connection after `Connection: close`, and tries until one is taken."""

    def __init__(
        self, port: int, callers: int = 4, tls: ssl.SSLContext | None = None, named: bool = False
    ) -> None:
        self._port, self._tls, self._named = port, tls, named
        self._numbers = itertools.count()
        self._enough = threading.Event()
        self.outcomes: list[Outcome] = []
        self.refused = 0
        self._threads = [threading.Thread(target=self._ask_on) for _ in range(callers)]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()

    @property
    def failed(self) -> list[Outcome]:
        return [outcome for outcome in self.outcomes if outcome.result != 200]

    def describe(self) -> str:
        took_ms = 1000 * np.array([outcome.took_s for outcome in self.outcomes])
        p50, p99 = np.percentile(took_ms, (50, 99))
        results = Counter(str(outcome.result) for outcome in self.outcomes)
        return (
            f"{len(took_ms):,} requests, {len(self.failed)} failed, {self.refused} connections refused; "
            f"p50 {p50:.0f} ms, p99 {p99:.0f} ms, max {took_ms.max():.0f} ms; {dict(results)}"
        )

    def _ask_on(self) -> None:
        connection = self._open()
        while not self._enough.is_set():
            if connection.sock is None:
                try:
                    connection.connect()
                except OSError:
                    self.refused += 1
                    connection.close()
                    time.sleep(REFUSED_S)
                    continue
            self.outcomes.append(self._ask(connection))
        connection.close()

    def _ask(self, connection: HTTPConnection) -> Outcome:
        number = next(self._numbers)
        tweet = {"text": f"tweet {number}"} | ({"username": f"author{number}"} if self._named else {})
        started = time.monotonic()
        try:
            body = json.dumps({"tweets": [tweet]})
            connection.request("POST", "/v1/predictions", body, {"Content-Type": "application/json"})
            reply = connection.getresponse()
            reply.read()
            result: int | str = reply.status
        except (OSError, HTTPException) as error:
            result = repr(error)
            connection.close()
        ended_at = time.monotonic()
        return Outcome(result, ended_at, ended_at - started)

    def _open(self) -> HTTPConnection:
        if self._tls:
            return HTTPSConnection("localhost", self._port, context=self._tls, timeout=TIMEOUT_S)
        return HTTPConnection("127.0.0.1", self._port, timeout=TIMEOUT_S)


@contextmanager
def under_load(
    port: int, callers: int = 4, tls: ssl.SSLContext | None = None, named: bool = False
) -> Iterator[Load]:
    """Yield the load while it is on; it is over at the end."""
    load = Load(port, callers, tls, named)
    load.start()
    try:
        yield load
    finally:
        load.stop()
        log.info("load is over", outcome=load.describe())


def wait_for_more(load: Load, count: int) -> None:
    """Wait until so many more requests are over."""
    enough = len(load.outcomes) + count
    eventually(lambda: len(load.outcomes) >= enough, within_s=120)
