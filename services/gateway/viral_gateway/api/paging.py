"""Declare the query parameters by which long lists are asked for piece by piece; each may be sent once."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query, Request
from fastapi.exceptions import RequestValidationError

Limit = Annotated[int, Query(ge=1, le=1000, description="How many at most", examples=[20])]
Offset = Annotated[
    int, Query(ge=0, le=1_000_000, description="How many of the newest to leave out", examples=[0])
]

NAMES = ("limit", "offset", "since")


def refuse_repeated_parameters(request: Request) -> None:
    """Refuse a parameter that is sent twice: which of them counts would be anyone's guess."""
    for name in NAMES:
        if len(request.query_params.getlist(name)) > 1:
            wrong = {"type": "repeated", "loc": ("query", name), "msg": "Send this parameter once"}
            raise RequestValidationError([wrong])
