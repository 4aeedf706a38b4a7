"""Serve HTTP on this machine: the answers that a test gives, and its faults first."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit


@dataclass(frozen=True)
class Request:
    """Hold what was asked: the path, each parameter's values, the headers."""

    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]

    def get(self, name: str) -> str:
        """Get a parameter's only value; empty without."""
        return self.query.get(name, [""])[0]


@dataclass(frozen=True)
class Answer:
    """Hold a status with headers and a body; anything but text is sent as JSON."""

    status: int = 200
    body: Any = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class HttpServer:
    """Hold a running server's answers: faults come first, in their order; then the real ones."""

    url: str = ""
    faults: deque[Answer] = field(default_factory=deque)
    requests: list[Request] = field(default_factory=list)


@contextmanager
def serve(answer: Callable[[Request], Answer]) -> Iterator[HttpServer]:
    """Serve on a free port of this machine, until the block ends."""
    served = HttpServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            place = urlsplit(self.path)
            request = Request(place.path, parse_qs(place.query), dict(self.headers.items()))
            served.requests.append(request)
            answered = served.faults.popleft() if served.faults else answer(request)
            body = (answered.body if isinstance(answered.body, str) else json.dumps(answered.body)).encode()
            self.send_response(answered.status)
            for name, value in {"Content-Type": "application/json", **answered.headers}.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Log nothing: the test's output is for its own words."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
