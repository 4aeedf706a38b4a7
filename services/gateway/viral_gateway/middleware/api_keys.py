"""Ask for API keys, where the gateway is given any: programs send a header, browsers the password they ask for."""

from __future__ import annotations

import binascii
import hashlib
import math
from base64 import b64decode
from collections.abc import Sequence
from hmac import compare_digest

import structlog
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from viral_gateway import telemetry
from viral_gateway.middleware.buckets import Buckets, identify_address
from viral_gateway.middleware.public_paths import is_open
from viral_gateway.problems import build_problem

log = structlog.get_logger()

CALLER = "viral_caller"
"""Where the scope holds the digest of the key that was sent."""

_CHALLENGES = [
    (b"www-authenticate", b'Bearer realm="viral-tweets"'),
    (
        b"www-authenticate",
        b'Basic realm="viral-tweets: any name, and an API key as password", charset="UTF-8"',
    ),
]
DETAIL = (
    "Send an API key of this gateway as `Authorization: Bearer KEY` or `X-API-Key: KEY`; "
    "in a browser, any name and the key as password."
)
# Each is logged. A right key is let through all the same, for others may share the address.
FAILURES_A_MINUTE = 30
TOO_MANY = f"More than {FAILURES_A_MINUTE} wrong keys a minute from this address; wait as Retry-After says."


class ApiKeys:
    """Refuse a request without one of `keys`; whoever guesses is logged, and soon told to wait."""

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = [_digest(key) for key in keys]
        self._failures = Buckets(FAILURES_A_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or is_open(scope["path"]):
            await self._app(scope, receive, send)
            return
        sent = _digest(_read_key(Headers(scope=scope)))
        # Of equal length and all of them compared: the time says nothing of a key.
        if sum(compare_digest(sent, digest) for digest in self._digests):
            scope[CALLER] = sent
            await self._app(scope, receive, send)
            return
        await self._refuse(scope, sent)(scope, receive, send)

    def _refuse(self, scope: Scope, sent: bytes) -> Response:
        if sent != NO_KEY:
            telemetry.REFUSED_KEYS.inc()
            address = identify_address(scope)
            allowance = self._failures.take(address)
            if not allowance.allowed:
                headers = {"Retry-After": str(math.ceil(allowance.wait_s)), "Connection": "close"}
                return build_problem(scope["path"], 429, TOO_MANY, headers=headers)
            log.warning("key refused", address=str(address), key_sha256=sent.hex()[:12], path=scope["path"])
        refusal = build_problem(scope["path"], 401, DETAIL, headers={"Connection": "close"})
        refusal.raw_headers += _CHALLENGES
        return refusal


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


NO_KEY = _digest("")


def _read_key(headers: Headers) -> str:
    if key := headers.get("x-api-key"):
        return key
    scheme, _, sent = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            return b64decode(sent, validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return sent.strip() if scheme.lower() == "bearer" else ""
