"""Send headers that keep a page from loading, framing or leaking anything it should not."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.types import ASGIApp, Message, Receive, Scope, Send

PAGE_POLICY = (
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'"
)
# Swagger UI styles its elements inline and draws its icons from data: addresses.
DOCS_POLICY = f"{PAGE_POLICY}; style-src 'self' 'unsafe-inline'; img-src 'self' data:"

HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


STAY_WITH_TLS = (b"strict-transport-security", b"max-age=31536000")


def _encode_headers(policy: str) -> list[tuple[bytes, bytes]]:
    headers = HEADERS | {"Content-Security-Policy": policy}
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


class SecurityHeaders:
    """Set them on every reply."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._page, self._docs = _encode_headers(PAGE_POLICY), _encode_headers(DOCS_POLICY)
        self._api = [*self._page, (b"cache-control", b"no-store")]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path = scope["path"]
        headers = self._docs if path == "/docs" else self._api if path.startswith("/v1/") else self._page
        if scope["scheme"] == "https":  # also where a named proxy took the handshake
            headers = [*headers, STAY_WITH_TLS]
        await self._app(scope, receive, add_headers(send, headers))


def add_headers(send: Send, headers: Sequence[tuple[bytes, bytes]]) -> Send:
    """Make a `send` that puts them on the reply."""

    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", ()), *headers]
        await send(message)

    return send_with_headers
