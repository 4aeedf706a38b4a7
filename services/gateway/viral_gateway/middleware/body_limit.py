"""Refuse bodies that are too large or too slow before they are held in memory."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viral_gateway.problems import build_problem

MAX_BODY_BYTES = 1024 * 1024
TOO_LARGE = f"The body is larger than {MAX_BODY_BYTES:,} bytes; send fewer tweets in one call."
_CLOSE = {"Connection": "close"}
# Many clients read the reply only after they have sent everything. A connection closed under them would lose it,
# so what still comes is thrown away for as long as this.
LINGER_S = 2.0


class BodyLimit:
    """Answer with a problem, where Starlette's own limit answers in plain text, and close the connection."""

    def __init__(self, app: ASGIApp, timeout_s: float) -> None:
        self._app = app
        self._timeout_s = timeout_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = _Body(receive, send, self._timeout_s)
        if _read_content_length(scope) > MAX_BODY_BYTES:
            body.refused = True
            refusal = build_problem(scope["path"], 413, TOO_LARGE, headers=_CLOSE)
            await refusal(scope, body.receive, body.send)
            return
        await self._app(scope, body.receive, body.send)


def _read_content_length(scope: Scope) -> int:
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit():
            return int(value[:20])
    return 0


class _Body:
    """Receive one request's body, and send the reply to it."""

    def __init__(self, receive: Receive, send: Send, timeout_s: float) -> None:
        self._receive, self._send, self._timeout_s = receive, send, timeout_s
        self._deadline: float | None = None
        self._received = 0
        self._whole = self._answered = self.refused = False

    async def receive(self) -> Message:
        """Receive the next piece. Raises HTTPException 413 or 408."""
        if self._whole:  # what comes now is the end of the connection, whenever that is
            return await self._receive()
        message = await self._receive_in_time()
        self._received += len(message.get("body", b""))
        self._whole = not message.get("more_body", False)
        if self._received > MAX_BODY_BYTES:
            self.refused = True
            raise HTTPException(413, TOO_LARGE, headers=_CLOSE)
        return message

    async def send(self, message: Message) -> None:
        """Send the reply; a refusal ends only when the caller has had time to read it."""
        self._answered = True
        if self.refused and message["type"] == "http.response.body" and not message.get("more_body"):
            await self._send({**message, "more_body": True})
            await self._discard_rest()
            message = {"type": "http.response.body"}
        await self._send(message)

    async def _receive_in_time(self) -> Message:
        if self._deadline is None:
            self._deadline = asyncio.get_running_loop().time() + self._timeout_s
        try:
            async with asyncio.timeout_at(self._deadline):
                return await self._receive()
        except TimeoutError:
            if self._answered:  # a stream that waits for its reader to leave
                return {"type": "http.disconnect"}
            detail = f"The body did not arrive within {self._timeout_s:g} seconds."
            raise HTTPException(408, detail, headers=_CLOSE) from None

    async def _discard_rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                while (await self._receive()).get("more_body"):
                    pass
