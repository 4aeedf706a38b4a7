"""Build every error as RFC 9457 problem+json: what went wrong, where and what to do, never with a tweet's text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus

from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

MEDIA_TYPE = "application/problem+json"
RETRY_AFTER_S = 10
# A full queue is empty again within a second.
RETRY_SOON_S = 1


class FieldProblem(BaseModel):
    """One field of the request that is wrong."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"pointer": "#/tweets/0/text", "detail": "String should have at most 4000 characters"},
                {"parameter": "limit", "detail": "Input should be less than or equal to 1000"},
            ]
        }
    )

    pointer: str | None = Field(default=None, description="JSON pointer into the body")
    parameter: str | None = Field(default=None, description="Name of the query parameter or header instead")
    detail: str = Field(description="What is wrong with it")


class Problem(BaseModel):
    """An error (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "about:blank",
                    "title": "Unprocessable Content",
                    "status": 422,
                    "detail": "1 field is wrong; see errors.",
                    "instance": "/v1/predictions",
                    "errors": [
                        {"pointer": "#/tweets/0/text", "detail": "String should have at most 4000 characters"}
                    ],
                }
            ]
        }
    )

    type: str = Field(
        default="about:blank", description="Kind of problem; about:blank: the status says it all"
    )
    title: str = Field(description="The status in words")
    status: int = Field(description="The HTTP status")
    detail: str = Field(description="What went wrong here, and what to do")
    instance: str = Field(description="The path that was asked for")
    errors: list[FieldProblem] | None = Field(
        default=None, description="The wrong fields, if fields are wrong"
    )


def find_title(status: int) -> str:
    """Find its name by RFC 9110; Python 3.11 has other ones of these two."""
    renamed = {413: "Content Too Large", 422: "Unprocessable Content"}
    return renamed.get(status) or HTTPStatus(status).phrase


def build_problem(
    path: str,
    status: int,
    detail: str,
    errors: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """Build the reply for an error at `path`."""
    body = Problem(title=find_title(status), status=status, detail=detail, instance=path, errors=errors)
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )
