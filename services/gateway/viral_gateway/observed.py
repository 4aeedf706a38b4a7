"""Names, counts and times every request, and turns a bug into a 500 that is logged."""

from __future__ import annotations

import logging
import time
from functools import cache

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viral_gateway import metrics
from viral_gateway.problems import problem
from viral_gateway.request_ids import names_of

log = structlog.get_logger()
# Asked first: a line that nobody reads is not even built.
_stdlib_log = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """One count for each reply, one log line for each failure, and at level debug for each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        names = names_of(scope["headers"])
        # Each request runs in a context of its own, so there is nothing to unbind.
        structlog.contextvars.bind_contextvars(**names.fields())

        async def noted(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *names.headers()]
            await send(message)

        try:
            await self._app(scope, receive, noted)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if status:  # half a reply is out: only breaking the connection tells the client
                raise
            await problem(scope["path"], 500, "This is a fault of the gateway; its log says more.")(
                scope, receive, noted
            )
        finally:
            route = getattr(scope.get("route"), "path", "unknown")
            method = scope["method"] if scope["method"] in METHODS else "other"
            took_s = time.perf_counter() - started
            _count(method, route, status).inc()
            if route != "/v1/events":  # a stream's length is no latency
                _latency(route).observe(took_s)
            if _stdlib_log.isEnabledFor(logging.DEBUG):
                log.debug(
                    "answered", method=method, path=scope["path"], status=status, took_s=round(took_s, 6)
                )


# Few: methods, routes and statuses are bounded. Looking a child up by its labels costs more than counting.
_count = cache(metrics.REQUESTS.labels)
_latency = cache(metrics.LATENCY.labels)
