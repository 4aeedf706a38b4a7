"""Serve /health/live, /health/ready and /metrics for a service that has no API of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

from viral_common.delivery import telemetry
from viral_common.errors import UsageError


def serve_health(
    host: str, port: int, missing: Callable[[], list[str]], doing: Callable[[], list[str]] = list
) -> ThreadingWSGIServer:
    """Serve on a thread of its own.

    `missing()` says in words what keeps the service from being ready, `doing()` what it is at.
    """
    metrics: Callable[..., Iterable[bytes]] = make_wsgi_app()

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/health/live":
                return _reply(start_response, "200 OK", {"status": "live"})
            case "/health/ready":
                lacking = missing()
                telemetry.READY.set(not lacking)
                status = "503 Service Unavailable" if lacking else "200 OK"
                return _reply(
                    start_response,
                    status,
                    {"status": "not ready" if lacking else "ready", "missing": lacking, "doing": doing()},
                )
            case "/metrics":
                telemetry.READY.set(not missing())
                return metrics(environ, start_response)
            case _:
                return _reply(
                    start_response, "404 Not Found", {"status": "try /health/live, /health/ready, /metrics"}
                )

    try:
        server = make_server(host, port, answer, ThreadingWSGIServer, handler_class=_QuietHandler)
    except OSError as error:
        raise UsageError(
            f"VIRAL_HEALTH_PORT: cannot listen on {host}:{port} ({error.strerror}); choose another, or 0 for none"
        ) from error
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


class _QuietHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: probes come every few seconds."""


def _reply(start_response: Callable[..., Any], status: str, body: dict[str, Any]) -> Iterable[bytes]:
    start_response(status, [("Content-Type", "application/json"), ("Cache-Control", "no-store")])
    return [json.dumps(body).encode()]
