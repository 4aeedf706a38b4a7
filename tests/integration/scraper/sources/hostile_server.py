"""Serve HTTP replies that no honest server sends, byte by byte as a test says."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

BLOCK = 1 << 20


@dataclass
class HostileServer:
    """Hold where it is, and how many bytes of its replies somebody took."""

    url: str = ""
    sent: int = 0
    paths: list[str] = field(default_factory=list)
    is_over: threading.Event = field(default_factory=threading.Event)


Reply = Callable[[HostileServer], Iterator[bytes]]


@contextmanager
def serve_bytes(reply: Reply) -> Iterator[HostileServer]:
    """Send what `reply` yields, from the status line on, to whoever asks, until they hang up."""
    served = HostileServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.paths.append(self.path)
            self.close_connection = True
            with suppress(OSError):
                for block in reply(served):
                    self.wfile.write(block)
                    served.sent += len(block)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the test's output is for its own words."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    served.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield served
    finally:
        served.is_over.set()
        server.shutdown()
        server.server_close()


def send_much(size: int, block: bytes = b" " * BLOCK, head: bytes = b"") -> Reply:
    """Reply with JSON that goes on for `size` bytes."""

    def reply(_served: HostileServer) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n" + head + b"\r\n"
        yield from [block] * (size // len(block))

    return reply


def send_slowly(head: bytes) -> Reply:
    """Reply with `head`, and then a byte now and then, for ever."""

    def reply(served: HostileServer) -> Iterator[bytes]:
        yield head
        while not served.is_over.is_set():
            time.sleep(0.05)
            yield b" "

    return reply
