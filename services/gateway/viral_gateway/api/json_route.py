"""A route that takes JSON and says so: any other content type is 415."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.types import Scope

NOT_JSON = "Send JSON with `Content-Type: application/json`."
_JSON = re.compile(rb"application/(?:[\w.-]+\+)?json", re.IGNORECASE)


def is_json(scope: Scope) -> bool:
    """Whether the request's body is said to be."""
    said = next((value for name, value in scope["headers"] if name == b"content-type"), b"")
    return _JSON.fullmatch(said.partition(b";")[0].strip()) is not None


class JsonRoute(APIRoute):
    """Checked before the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def json_only(request: Request) -> Response:
            if request.method == "POST" and not is_json(request.scope):
                raise HTTPException(415, NOT_JSON, headers={"Accept": "application/json"})
            return await handle(request)

        return json_only
