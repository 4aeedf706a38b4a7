"""Limit each caller's requests a minute."""

from __future__ import annotations

import math
from collections.abc import Hashable

from starlette.types import ASGIApp, Receive, Scope, Send

from viral_gateway.middleware.access import CALLER, Caller
from viral_gateway.middleware.buckets import WINDOW_S, Buckets, identify_address
from viral_gateway.middleware.public_paths import is_open
from viral_gateway.middleware.security_headers import add_headers
from viral_gateway.problems import build_problem


class RateLimit:
    """Refuse whoever asks too often; every reply says what is left (draft-ietf-httpapi-ratelimit-headers)."""

    def __init__(self, app: ASGIApp, per_minute: int) -> None:
        self._app = app
        self._buckets = Buckets(per_minute)
        self._policy = f'"default";q={per_minute};w={WINDOW_S}'.encode()
        self._detail = f"More than {per_minute} requests a minute; wait as Retry-After says."

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        allowance = self._buckets.take(identify_caller(scope))
        wait_s = math.ceil(allowance.wait_s)
        left = b'"default";r=%d;t=%d' % (allowance.left, wait_s)
        send = add_headers(send, [(b"ratelimit-policy", self._policy), (b"ratelimit", left)])
        if allowance.allowed:
            await self._app(scope, receive, send)
            return
        headers = {"Retry-After": str(wait_s), "Connection": "close"}
        await build_problem(scope["path"], 429, self._detail, headers=headers)(scope, receive, send)


def identify_caller(scope: Scope) -> Hashable:
    """Identify who sent a request by the key's or person's name, else by the address."""
    caller: Caller | None = scope.get(CALLER)
    return caller.name if caller else identify_address(scope)
