"""Measure receiving Bluesky: events a second from a Jetstream server in a process of its own to committed rows."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from datetime import timedelta

from sqlalchemy import func, select
from viral_common.database.engine import Sessions, connect, make_sessions, migrate
from viral_common.database.tables import StreamEngagement
from viral_common.settings import CommonSettings
from viral_scraper.sources.bluesky.source import BlueskySettings, BlueskySource
from viral_scraper.sources.bluesky.stream import Pace
from viral_scraper.stores.streams import StreamStore
from websockets.sync.client import connect as connect_websocket

from tests.bench.figures import Figure
from tests.eventually import eventually
from tests.servers import Servers

TARGET = 10_000
EVENTS = 300_000
SHARE: float = BlueskySettings.model_fields["share"].default


def measure(servers: Servers, events: int = EVENTS) -> list[Figure]:
    """The source as it is set by default, beside reading the same events and doing nothing with them."""
    settings = {"database_url": servers.database_url, "rabbitmq_url": servers.rabbitmq_url}
    engine = connect(CommonSettings.model_validate(settings), "bench")
    migrate(engine)
    command = [sys.executable, "-m", "tests.bench.jetstream_server", str(events)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            url, last_us = server.stdout.readline().split()
            raw = events / _read_s(url, events)
            rate = events / _receive_s(make_sessions(engine), url, int(last_us))
        finally:
            server.terminate()
            engine.dispose()
    return [
        Figure(
            "Jetstream events received and stored",
            rate,
            "events/s",
            "the same events read and thrown away",
            raw,
            f"≥ {TARGET:,}",
            rate >= TARGET,
        )
    ]


def _read_s(url: str, events: int) -> float:
    with connect_websocket(url, compression=None) as connection:
        started = time.perf_counter()
        for _ in range(events):
            connection.recv(decode=False)
        return time.perf_counter() - started


def _receive_s(db: Sessions, url: str, last_us: int) -> float:
    source = BlueskySource(db, url, SHARE, timedelta(hours=24), pace=Pace(silence_s=5))
    store, stopping = StreamStore(db, source.name), threading.Event()
    thread = threading.Thread(target=source.listen, args=(stopping,), daemon=True)
    started = time.perf_counter()
    thread.start()
    eventually(lambda: (store.read_cursor_us() or 0) >= last_us, within_s=600)
    seconds = time.perf_counter() - started
    stopping.set()
    thread.join()
    with db() as session:
        assert session.scalar(select(func.count()).select_from(StreamEngagement))
    return seconds
