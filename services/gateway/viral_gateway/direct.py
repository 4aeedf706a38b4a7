"""A route on which a sound body goes straight into its model. FastAPI's own way costs half as much again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, cast

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError
from starlette.requests import ClientDisconnect

from viral_gateway.context import Gateway
from viral_gateway.json_only import JsonRoute, is_json

Endpoint = Callable[[Any, Gateway], Awaitable[Response]]


class DirectRoute(JsonRoute):
    """For endpoints `(body, gateway) -> Response`. What is not sound goes FastAPI's way, which says what is wrong."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        assert self.body_field is not None, "an endpoint without a body needs no DirectRoute"  # noqa: S101
        model = cast(type[BaseModel], self.body_field.field_info.annotation)
        endpoint = cast(Endpoint, self.endpoint)

        async def direct(request: Request) -> Response:
            if not is_json(request):
                return await handle(request)
            try:
                body = model.model_validate_json(await request.body())
            except (ValidationError, ClientDisconnect):
                return await handle(request)
            return await endpoint(body, request.app.state.gateway)

        return direct
