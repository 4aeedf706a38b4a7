"""Bodies beyond the limit are refused before they are held in memory, whether they announce their length or not."""

from __future__ import annotations

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viral_gateway.problems import problem

MAX_BODY_BYTES = 1024 * 1024
_DETAIL = f"The body is larger than {MAX_BODY_BYTES:,} bytes; send fewer tweets in one call."


class BodyLimit:
    """Starlette's own limit answers in plain text; this one with a problem, and closes the connection."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "")
        if announced.isdecimal() and int(announced[:20]) > MAX_BODY_BYTES:
            refusal = problem(scope["path"], 413, _DETAIL, headers={"Connection": "close"})
            await refusal(scope, receive, send)
            return
        await self._app(scope, _counting(receive), send)


def _counting(receive: Receive) -> Receive:
    received = 0

    async def counted() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise HTTPException(413, _DETAIL, headers={"Connection": "close"})
        return message

    return counted
