"""The short way to one route: a sound body passes neither FastAPI's router nor its validation.

Those take longer than all else around a prediction.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import Any, cast

from fastapi import Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel, ValidationError
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from viral_gateway.api.json_route import JsonRoute, is_json
from viral_gateway.gateway import Gateway

Endpoint = Callable[[Any, Gateway], Awaitable[Response]]
_FAILED = "viral_gateway.failed"


class ExpressRoute(JsonRoute):
    """For endpoints `(body, gateway) -> Response`; also tells what went wrong on the short way."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            if (error := request.scope.get(_FAILED)) is not None:
                raise error
            return await handle(request)

        return told


class Express:
    """Answers sound calls of `route`. All else goes the long way, where errors become replies."""

    def __init__(self, app: ASGIApp, route: APIRoute, gateway: Gateway) -> None:
        assert route.body_field is not None, "an endpoint without a body needs no short way"  # noqa: S101
        self._app, self._route, self._gateway = app, route, gateway
        self._model = cast(type[BaseModel], route.body_field.field_info.annotation)
        self._endpoint = cast(Endpoint, route.endpoint)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._is_for(scope):
            await self._app(scope, receive, send)
            return
        heard: list[Message] = []
        try:
            reply = await self._answer(receive, heard)
        except ValidationError:
            await self._app(scope, _again(heard, receive), send)
        except Exception as error:  # noqa: BLE001  (raised again where exceptions have their handlers)
            scope[_FAILED] = error
            await self._app(scope, receive, send)
        else:
            scope["route"] = self._route
            await reply(scope, receive, send)

    def _is_for(self, scope: Scope) -> bool:
        return (
            scope["type"] == "http"
            and scope["path"] == self._route.path
            and scope["method"] == "POST"
            and is_json(scope)
        )

    async def _answer(self, receive: Receive, heard: list[Message]) -> Response:
        while not heard or heard[-1].get("more_body"):
            heard.append(await receive())
        body = b"".join(message.get("body", b"") for message in heard)
        return await self._endpoint(self._model.model_validate_json(body), self._gateway)


def _again(heard: Sequence[Message], receive: Receive) -> Receive:
    """What was heard, and then what comes."""
    left = iter(heard)

    async def next_one() -> Message:
        return next(left, None) or await receive()

    return next_one
