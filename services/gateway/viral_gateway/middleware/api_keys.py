"""Ask for API keys, where the gateway is given any: programs send a header, browsers the password they ask for."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Sequence
from hmac import compare_digest

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from viral_gateway.middleware.public_paths import is_open
from viral_gateway.problems import build_problem

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


class ApiKeys:
    """Refuse a request without one of `keys`."""

    def __init__(self, app: ASGIApp, keys: Sequence[str]) -> None:
        self._app = app
        self._digests = [_digest(key) for key in keys]

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
        refusal = build_problem(scope["path"], 401, DETAIL, headers={"Connection": "close"})
        refusal.raw_headers += _CHALLENGES
        await refusal(scope, receive, send)


def _digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


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
