"""List what every request passes on its way to a route, from the outside in; only what is asked for is there."""

from __future__ import annotations

from typing import Any

from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware

from viral_gateway.middleware.access import Access
from viral_gateway.middleware.api_keys import ApiKeys, RenderPage
from viral_gateway.middleware.body_limit import BodyLimit
from viral_gateway.middleware.head_requests import HeadAsGet
from viral_gateway.middleware.rate_limit import RateLimit
from viral_gateway.middleware.request_log import RequestLog
from viral_gateway.middleware.security_headers import SecurityHeaders
from viral_gateway.settings import GatewaySettings

# A reply for one tweet is smaller. Server-sent events are never compressed: Starlette leaves `text/event-stream` out.
GZIP_FROM_BYTES = 1024
# Most of what level 9 gains, in a fraction of its time.
GZIP_LEVEL = 5
# A key is sent by the script itself, never by its browser unasked: no credentials.
CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": [
        "Authorization",
        "Content-Type",
        "Last-Event-ID",
        "Traceparent",
        "X-API-Key",
        "X-Request-ID",
    ],
    "expose_headers": ["RateLimit", "RateLimit-Policy", "Retry-After", "Traceparent", "X-Request-ID"],
    "max_age": 3600,
}


def build_middleware(
    settings: GatewaySettings, access: Access | None, render_sign_in: RenderPage
) -> list[Middleware]:
    origins = settings.list_origins()
    return [
        Middleware(HeadAsGet),
        Middleware(SecurityHeaders),
        Middleware(RequestLog),
        *([Middleware(CORSMiddleware, allow_origins=origins, **CORS)] if origins else []),
        Middleware(GZipMiddleware, minimum_size=GZIP_FROM_BYTES, compresslevel=GZIP_LEVEL),
        *([Middleware(ApiKeys, access=access, render_page=render_sign_in)] if access else []),
        *([Middleware(RateLimit, per_minute=settings.rate_limit)] if settings.rate_limit else []),
        Middleware(BodyLimit, timeout_s=settings.body_timeout_s),
    ]
