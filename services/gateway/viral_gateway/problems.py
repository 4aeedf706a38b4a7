"""Every error as RFC 9457 problem+json: what went wrong, where, and what to do. A tweet's text is never echoed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from viral_common.errors import ServerAway

from viral_gateway.rendering import not_found, wants_page
from viral_gateway.scoring import QueueFull
from viral_gateway.serving import NoModelYet

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


def title_of(status: int) -> str:
    """Its name by RFC 9110; Python 3.11 still has the older one of these."""
    newer = {413: "Content Too Large", 422: "Unprocessable Content"}
    return newer.get(status) or HTTPStatus(status).phrase


def problem(
    path: str,
    status: int,
    detail: str,
    errors: Sequence[FieldProblem] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The reply for an error at `path`."""
    body = Problem(title=title_of(status), status=status, detail=detail, instance=path, errors=errors)
    return JSONResponse(
        body.model_dump(exclude_none=True), status, headers=dict(headers or {}), media_type=MEDIA_TYPE
    )


def install(app: FastAPI) -> None:
    """Answer every exception that a route may raise with a problem."""
    app.exception_handler(RequestValidationError)(_invalid)
    app.exception_handler(HTTPException)(_http)
    app.exception_handler(NoModelYet)(_retry_later)
    app.exception_handler(ServerAway)(_retry_later)
    app.exception_handler(QueueFull)(_retry_soon)


DETAILS = {
    404: "Nothing lives here; /docs lists every address.",
    405: "This address does not take that method; see Allow, or /docs.",
}


# What Python's parser gives up on, beside what is no JSON; FastAPI says of none of it what it is.
UNREADABLE: Mapping[type, str] = {
    UnicodeDecodeError: "it is not in UTF-8",
    RecursionError: "it is nested too deeply",
    ValueError: "a number in it has too many digits",
}


def _http(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404 and wants_page(request):
        return not_found(request)
    phrase = HTTPStatus(error.status_code).phrase
    detail = DETAILS.get(error.status_code, phrase) if error.detail == phrase else error.detail
    if unreadable := UNREADABLE.get(type(error.__cause__)):
        detail = f"The body is no JSON: {unreadable}."
    return problem(request.url.path, error.status_code, detail, headers=error.headers)


def _retry_later(request: Request, error: Exception) -> JSONResponse:
    return problem(request.url.path, 503, str(error), headers={"Retry-After": str(RETRY_AFTER_S)})


def _retry_soon(request: Request, error: Exception) -> JSONResponse:
    return problem(request.url.path, 503, str(error), headers={"Retry-After": str(RETRY_SOON_S)})


def _invalid(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = [_field_problem(found) for found in error.errors()]
    if any(found["type"] == "json_invalid" for found in error.errors()):
        return problem(request.url.path, 400, f"The body is no JSON: {errors[0].detail}.")
    wrong = "1 field is wrong" if len(errors) == 1 else f"{len(errors)} fields are wrong"
    return problem(request.url.path, 422, f"{wrong}; see errors.", errors)


def _field_problem(error: Mapping[str, Any]) -> FieldProblem:
    place, *path = error["loc"]
    if error["type"] == "json_invalid":
        return FieldProblem(detail=f"{error['ctx']['error']} at character {path[0]}")
    detail = str(error["msg"]).removeprefix("Value error, ")
    if place != "body":
        return FieldProblem(parameter=".".join(str(step) for step in path), detail=detail)
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return FieldProblem(pointer="#" + "".join(f"/{step}" for step in escaped), detail=detail)
