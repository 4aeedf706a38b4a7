"""Answer one POST route ahead of FastAPI's router and validation, which take longer than the rest of a request.

A middleware, for a Starlette Route passes the router, an exit stack and two exception handlers first: with a model that
answers at once 107 to 119 µs of CPU a request instead of 92.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from typing import Any

from fastapi import Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

NOT_JSON = "Send JSON with `Content-Type: application/json`."
_JSON = re.compile(rb"application/(?:[\w.-]+\+)?json", re.IGNORECASE)


class FastRoute:
    """Answer valid JSON by `endpoint`; an invalid body goes on to `route` in `app`, which replies with its errors."""

    def __init__(
        self,
        app: ASGIApp,
        route: APIRoute,
        model: type[BaseModel],
        endpoint: Callable[[Any], Awaitable[Response]],
        handlers: Mapping[Any, Callable[..., Any]],
    ) -> None:
        self._app, self._route, self._model, self._endpoint = app, route, model, endpoint
        self._handlers = handlers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        fast = scope["type"] == "http" and scope["path"] == self._route.path and scope["method"] == "POST"
        if not fast:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route
        try:
            answer = await self._choose_answer(scope, receive)
        except Exception as error:  # noqa: BLE001  (raised again where exceptions have their handlers)
            answer = ExceptionMiddleware(partial(_raise, error), self._handlers)
        await answer(scope, receive, send)

    async def _choose_answer(self, scope: Scope, receive: Receive) -> ASGIApp:
        sent_as = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
        if not _JSON.fullmatch(sent_as.partition(b";")[0].strip()):
            raise HTTPException(415, NOT_JSON, headers={"Accept": "application/json"})
        received: list[Message] = []
        while not received or received[-1].get("more_body"):
            received.append(await receive())
        try:
            body = self._model.model_validate_json(b"".join(part.get("body", b"") for part in received))
        except ValidationError:
            left = iter(received)

            async def receive_again() -> Message:
                return next(left, None) or await receive()

            return lambda scope, _, send: self._app(scope, receive_again, send)
        return await self._endpoint(body)


async def _raise(error: Exception, *_: object) -> None:
    raise error
