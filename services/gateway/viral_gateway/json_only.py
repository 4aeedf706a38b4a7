"""A route that takes JSON and says so: any other content type is 415."""

from __future__ import annotations

import re
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException

_JSON = re.compile(r"application/(?:[\w.-]+\+)?json", re.IGNORECASE)


class JsonRoute(APIRoute):
    """Checked before the body is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def json_only(request: Request) -> Response:
            sent = request.headers.get("content-type", "").partition(";")[0].strip()
            if request.method == "POST" and not _JSON.fullmatch(sent):
                raise HTTPException(
                    415,
                    "Send JSON with `Content-Type: application/json`.",
                    headers={"Accept": "application/json"},
                )
            return await handle(request)

        return json_only
