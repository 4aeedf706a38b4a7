"""Bound what a connection may take before a request is whole: bytes, fields, time; and how many one caller may open."""

from __future__ import annotations

import asyncio
import resource
import time
from collections import Counter
from typing import cast

import structlog
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.protocols.utils import get_remote_addr

from viral_gateway import telemetry
from viral_gateway.problems import build_problem, find_title

log = structlog.get_logger()

HEAD_BYTES = 32 * 1024
HEAD_FIELDS = 100
# From the connection, or the first byte of a head, to the head's end.
HEAD_S = 10.0
PER_CALLER = 512
# Descriptors kept for Postgres, RabbitMQ, artefacts, logs.
RESERVE = 128
LOG_EVERY_S = 10.0
# In the state that the server shares with each request.
STOPPING = "stopping"


class Connections:
    """Count the open connections by address, so that one caller cannot take them all."""

    def __init__(self) -> None:
        self._by_address: Counter[str] = Counter()
        self._refused, self._logged_at = 0, float("-inf")

    def admit(self, address: str, from_proxy: bool) -> bool:
        """Admit one more from `address`, or log and count a refusal."""
        most = max(resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVE, RESERVE)
        if self.count_open() < most and (from_proxy or self._by_address[address] < PER_CALLER):
            self._by_address[address] += 1
            return True
        telemetry.REFUSED_CONNECTIONS.inc()
        self._refused += 1
        if time.monotonic() - self._logged_at > LOG_EVERY_S:
            log.warning("connections refused", count=self._refused, address=address, open=self.count_open())
            self._refused, self._logged_at = 0, time.monotonic()
        return False

    def count_open(self) -> int:
        """Count all that are open now."""
        return self._by_address.total()

    def release(self, address: str) -> None:
        """Forget one from `address`."""
        self._by_address[address] -= 1
        if not self._by_address[address]:
            del self._by_address[address]


CONNECTIONS = Connections()


class BoundedProtocol(HttpToolsProtocol):
    """Be uvicorn's protocol, within bounds."""

    _admitted = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._in_head, self._head_bytes = True, 0
        self._head_timer: asyncio.TimerHandle | None = self.loop.call_later(HEAD_S, self._give_up_head)
        if not self.admit(transport):
            transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_head_timer()
        self.release()

    def admit(self, transport: asyncio.Transport) -> bool:
        """Count the connection, once, if it may stay."""
        if not self._admitted:
            client = get_remote_addr(transport)
            self._address = client[0] if client else ""
            proxies = str(self.config.forwarded_allow_ips).split(",") if self.config.proxy_headers else []
            self._admitted = CONNECTIONS.admit(self._address, "*" in proxies or self._address in proxies)
        return self._admitted

    def release(self) -> None:
        """Count it no more."""
        if self._admitted:
            self._admitted = False
            CONNECTIONS.release(self._address)

    def data_received(self, data: bytes) -> None:
        if self._in_head:
            self._head_bytes += len(data)
        super().data_received(data)
        # What ended within `data` was counted down again; what is left is a head without its end.
        if self._in_head and self._head_bytes and not self.transport.is_closing():
            if self._head_bytes > HEAD_BYTES:
                self._refuse_and_close(431)
            elif self._head_timer is None:
                self._head_timer = self.loop.call_later(HEAD_S, self._give_up_head)

    def on_headers_complete(self) -> None:
        self._in_head, self._head_bytes = False, 0
        self._stop_head_timer()
        size = len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        if size > HEAD_BYTES or len(self.headers) > HEAD_FIELDS:
            refusal: ASGIApp | None = _refuse_long_head
        elif (
            self.parser.get_http_version() == "1.1" and sum(name == b"host" for name, _ in self.headers) != 1
        ):
            refusal = _refuse_missing_host
        else:
            refusal = None
        app = self.app
        self.app = refusal or app
        try:
            super().on_headers_complete()
        finally:
            self.app = app
        if self.app_state.get(STOPPING):
            self.close_after_reply()
        if self.cycle is not None and self.scope["method"] != "HEAD":
            self.cycle.transport = cast(asyncio.Transport, _WholeReply(self.cycle))

    def close_after_reply(self) -> None:
        """Tell the caller, unless the reply has begun, that the next request needs another connection."""
        if self.cycle is not None and not self.cycle.response_started:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self._in_head = True

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _give_up_head(self) -> None:
        self._head_timer = None
        if self._head_bytes:
            self._refuse_and_close(408)
        else:
            self.transport.close()

    def _refuse_and_close(self, status: int) -> None:
        detail = {408: f"No whole head within {HEAD_S:g} s.", 431: _LONG_HEAD}[status]
        reply = build_problem("", status, detail)
        head = [f"HTTP/1.1 {status} {find_title(status)}".encode()]
        fields = [*reply.raw_headers, (b"connection", b"close")]
        self.transport.write(
            b"\r\n".join([*head, *(name + b": " + value for name, value in fields), b"", bytes(reply.body)])
        )
        self.transport.close()


class _WholeReply:
    """Send a reply's head with the first of its body: a process that is killed leaves none cut between the two."""

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle, self._send, self._begun, self._head = cycle, cycle.transport.write, False, b""
        self.close, self.is_closing = cycle.transport.close, cycle.transport.is_closing

    def write(self, data: bytes) -> None:
        if self._cycle.response_started and not self._begun:
            self._begun, self._head = True, data
        else:
            self._send(self._head + data)
            self._head = b""


_LONG_HEAD = f"The head of a request has {HEAD_BYTES:,} bytes and {HEAD_FIELDS} fields at most."


async def _refuse_long_head(scope: Scope, receive: Receive, send: Send) -> None:
    await build_problem(scope["path"], 431, _LONG_HEAD, headers={"Connection": "close"})(scope, receive, send)


async def _refuse_missing_host(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "Send exactly one Host field, as HTTP/1.1 asks."
    await build_problem(scope["path"], 400, detail, headers={"Connection": "close"})(scope, receive, send)
