"""Answer HEAD as GET would be, without the body."""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

# They never end, so a GET's headers would keep the connection.
STREAMS = frozenset({"/v1/events"})


class HeadAsGet:
    """Turn HEAD into GET; the server drops the body, for its own scope stays a HEAD."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] == "HEAD" and scope["path"] not in STREAMS:
            scope = {**scope, "method": "GET"}
        await self._app(scope, receive, send)
