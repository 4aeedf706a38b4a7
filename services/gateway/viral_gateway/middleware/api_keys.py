"""Ask for a key or a session, where the gateway is given keys or a provider that people sign in at."""

from __future__ import annotations

import binascii
import math
from base64 import b64decode
from collections.abc import Callable
from functools import lru_cache
from urllib.parse import urlsplit

import structlog
from starlette.datastructures import Headers
from starlette.requests import Request, cookie_parser
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from viral_gateway import telemetry
from viral_gateway.keys_file import Role, make_digest
from viral_gateway.middleware.access import CALLER, FAILURES_A_MINUTE, SESSION_COOKIE, Access, Caller
from viral_gateway.middleware.buckets import identify_address
from viral_gateway.middleware.public_paths import find_needed_role
from viral_gateway.problems import build_problem

log = structlog.get_logger()

_BEARER = (b"www-authenticate", b'Bearer realm="viral-tweets"')
_BASIC = (
    b"www-authenticate",
    b'Basic realm="viral-tweets: any name, and an API key as password", charset="UTF-8"',
)
DETAIL = (
    "Send an API key of this gateway as `Authorization: Bearer KEY` or `X-API-Key: KEY`; "
    "in a browser, sign in at /sign-in."
)
TOO_MANY = f"More than {FAILURES_A_MINUTE} wrong keys a minute from this address; wait as Retry-After says."
FORBIDDEN = "The key's role is {has}; this address asks for {needed}."
CROSS_SITE = (
    "This was sent by another site's page, or by one without TLS; open this gateway's own page over https."
)
SAFE_METHODS = frozenset({"GET", "HEAD"})

# What shows people the form to sign in with, by status and reason.
RenderPage = Callable[[Request, int, str], Response]


class ApiKeys:
    """Refuse a request without a key or a session of the role its address asks for; whoever guesses is slowed down."""

    def __init__(self, app: ASGIApp, access: Access, render_page: RenderPage) -> None:
        self._app, self._access, self._render_page = app, access, render_page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        needed = None
        if scope["type"] == "http":
            needed = find_needed_role(scope["path"], with_roles=self._access.with_roles)
        if needed is None:
            await self._app(scope, receive, send)
            return
        key, caller = self._find_caller(scope)
        if caller is None:
            await self._refuse(scope, key)(scope, receive, send)
            return
        structlog.contextvars.bind_contextvars(caller=caller.name)
        _count(caller.counted_as).inc()
        scope[CALLER] = caller
        refusal = self._check(scope, caller, needed)
        await (refusal or self._app)(scope, receive, send)

    def _find_caller(self, scope: Scope) -> tuple[bytes, Caller | None]:
        """Find who sent the request, and the key in it, if any: a wrong one is not made good by a cookie."""
        key, cookies = read_credentials(scope)
        if key:
            return key, self._access.find_by_key(make_digest(key))
        cookie = cookie_parser(cookies.decode("latin-1")).get(SESSION_COOKIE) if cookies else None
        return b"", self._access.find_by_cookie(cookie) if cookie else None

    def _check(self, scope: Scope, caller: Caller, needed: Role) -> Response | None:
        if caller.has_session and scope["method"] not in SAFE_METHODS and is_cross_site(scope):
            return build_problem(scope["path"], 403, CROSS_SITE)
        if caller.has_role(needed):
            return None
        detail = FORBIDDEN.format(has=caller.role, needed=needed)
        log.info("role refused", role=caller.role, needed=needed, path=scope["path"])
        if is_browser_request(scope):
            return self._render_page(Request(scope), 403, detail)
        return build_problem(scope["path"], 403, detail)

    def _refuse(self, scope: Scope, key: bytes) -> Response:
        if key and (refusal := refuse_wrong_key(self._access, scope, key)):
            return refusal
        if is_browser_request(scope):
            page = self._render_page(Request(scope), 401, "")
            page.raw_headers.append(_BEARER)
            return page
        refusal = build_problem(scope["path"], 401, DETAIL, headers={"Connection": "close"})
        # A browser would open a dialogue of its own, over the page that lets its person sign in.
        refusal.raw_headers += [_BEARER] if "sec-fetch-mode" in Headers(scope=scope) else [_BEARER, _BASIC]
        return refusal


# As many as there are keys. Looking a child up by its label costs more than counting.
_count = lru_cache(1024)(telemetry.KEY_REQUESTS.labels)


def read_credentials(scope: Scope) -> tuple[bytes, bytes]:
    """Read the key and the cookies that were sent; empty where none was."""
    key = bearer = cookies = b""
    for name, value in scope["headers"]:
        if name == b"x-api-key":
            key = value
        elif name == b"authorization":
            bearer = _read_authorization(value)
        elif name == b"cookie":
            cookies = value
    return key or bearer, cookies


def _read_authorization(value: bytes) -> bytes:
    scheme, _, sent = value.partition(b" ")
    if scheme.lower() == b"basic":
        try:
            return b64decode(sent, validate=True).partition(b":")[2]
        except binascii.Error:
            return b""
    return sent.strip() if scheme.lower() == b"bearer" else b""


def refuse_wrong_key(access: Access, scope: Scope, key: bytes) -> Response | None:
    """Count and log a wrong key by its digest; from an address that sent too many, the reply says to wait."""
    telemetry.REFUSED_KEYS.inc()
    allowance = access.count_failure(scope)
    if not allowance.allowed:
        headers = {"Retry-After": str(math.ceil(allowance.wait_s)), "Connection": "close"}
        return build_problem(scope["path"], 429, TOO_MANY, headers=headers)
    digest = make_digest(key).hex()[:12]
    log.warning("key refused", address=str(identify_address(scope)), key_sha256=digest, path=scope["path"])
    return None


def is_browser_request(scope: Scope) -> bool:
    """Say whether a person's browser asks, outside the API; programs name no HTML."""
    return "text/html" in Headers(scope=scope).get("accept", "") and not scope["path"].startswith("/v1/")


def is_cross_site(scope: Scope) -> bool:
    """Tell whether another site's page sent it. Browsers say so; programs say nothing, and send no cookie unasked."""
    headers = Headers(scope=scope)
    if site := headers.get("sec-fetch-site"):
        return site not in ("same-origin", "none")
    origin = headers.get("origin")
    return origin is not None and urlsplit(origin).netloc != headers.get("host")
