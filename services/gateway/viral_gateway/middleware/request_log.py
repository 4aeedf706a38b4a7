"""Name, count and time every request, and turn a bug into a 500 that is logged."""

from __future__ import annotations

import logging
import os
import re
import time
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple, Self

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viral_gateway import telemetry
from viral_gateway.problems import build_problem

log = structlog.get_logger()
# Asked first: a line that nobody reads is not even built.
_stdlib_log = logging.getLogger(__name__)

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class RequestLog:
    """Count each reply, log each failure, and at level debug each request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 0
        names = RequestNames.from_headers(scope["headers"])
        # Each request runs in a context of its own, so there is nothing to unbind.
        structlog.contextvars.bind_contextvars(**names.to_log_fields())

        async def send_with_names(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", ()), *names.to_headers()]
            await send(message)

        try:
            await self._app(scope, receive, send_with_names)
        except Exception:
            log.exception("request failed", method=scope["method"], path=scope["path"])
            if status:  # half a reply is out: only breaking the connection tells the client
                raise
            await build_problem(scope["path"], 500, "This is a fault of the gateway; its log says more.")(
                scope, receive, send_with_names
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
_count = cache(telemetry.REQUESTS.labels)
_latency = cache(telemetry.LATENCY.labels)


# Bounded, and nothing that could forge a line of a log or a header.
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._~:@+/=-]{1,128}")
# W3C Trace Context. Version 00 ends with the flags, later ones may go on; ff and all zeros are invalid.
_TRACEPARENT = re.compile(
    rb"(?:00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}"
    rb"|(?!00|ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-[!-~]{0,200})?)"
)


class RequestNames(NamedTuple):
    """Hold a request's names, as bytes for headers."""

    request_id: bytes
    traceparent: bytes | None

    @classmethod
    def from_headers(cls, headers: Iterable[tuple[bytes, bytes]]) -> Self:
        """Take them as the caller says; an id that is missing or unusable is replaced, such a traceparent left out."""
        request_id, traceparent = b"", None
        for name, value in headers:
            if name == b"x-request-id" and _REQUEST_ID.fullmatch(value):
                request_id = value
            elif name == b"traceparent" and _TRACEPARENT.fullmatch(value):
                traceparent = value
        return cls(request_id or os.urandom(16).hex().encode(), traceparent)

    def to_headers(self) -> list[tuple[bytes, bytes]]:
        named = [(b"x-request-id", self.request_id)]
        return [*named, (b"traceparent", self.traceparent)] if self.traceparent else named

    def to_log_fields(self) -> dict[str, str]:
        fields = {"request_id": self.request_id.decode()}
        if self.traceparent:
            fields["trace_id"] = self.traceparent[3:35].decode()
        return fields
