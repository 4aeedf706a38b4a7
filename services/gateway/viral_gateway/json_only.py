"""A route that takes JSON and says so: any other content type is 415."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

_JSON = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)


def is_json(request: Request) -> bool:
    """Whether the body is said to be."""
    return _JSON.fullmatch(request.headers.get("content-type", "").partition(";")[0].strip()) is not None


class JsonRoute(APIRoute):
    """Checked before the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def json_only(request: Request) -> Response:
            if request.method == "POST" and not is_json(request):
                raise HTTPException(
                    415,
                    "Send JSON with `Content-Type: application/json`.",
                    headers={"Accept": "application/json"},
                )
            return await handle(request)

        return json_only
