"""Answer every exception that a route may raise with a problem."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from viral_common.errors import ServerAway

from viral_gateway.pages.templates import is_page_request, render_not_found
from viral_gateway.prediction.batching import QueueFull
from viral_gateway.problems import RETRY_AFTER_S, RETRY_SOON_S, FieldProblem, build_problem
from viral_gateway.serving.champion import NoModelYet

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


def install(app: FastAPI) -> None:
    app.exception_handler(RequestValidationError)(_answer_invalid_request)
    app.exception_handler(HTTPException)(_answer_http_error)
    for error in (NoModelYet, ServerAway, QueueFull):
        app.exception_handler(error)(_ask_to_retry)


def _answer_http_error(request: Request, error: HTTPException) -> Response:
    if error.status_code == 404 and is_page_request(request):
        return render_not_found(request)
    phrase = HTTPStatus(error.status_code).phrase
    detail = DETAILS.get(error.status_code, phrase) if error.detail == phrase else error.detail
    if unreadable := UNREADABLE.get(type(error.__cause__)):
        detail = f"The body is no JSON: {unreadable}."
    return build_problem(request.url.path, error.status_code, detail, headers=error.headers)


def _ask_to_retry(request: Request, error: Exception) -> JSONResponse:
    wait_s = RETRY_SOON_S if isinstance(error, QueueFull) else RETRY_AFTER_S
    return build_problem(request.url.path, 503, str(error), headers={"Retry-After": str(wait_s)})


def _answer_invalid_request(request: Request, error: RequestValidationError) -> JSONResponse:
    errors = [_build_field_problem(found) for found in error.errors()]
    if any(found["type"] == "json_invalid" for found in error.errors()):
        return build_problem(request.url.path, 400, f"The body is no JSON: {errors[0].detail}.")
    wrong = "1 field is wrong" if len(errors) == 1 else f"{len(errors)} fields are wrong"
    return build_problem(request.url.path, 422, f"{wrong}; see errors.", errors)


def _build_field_problem(error: Mapping[str, Any]) -> FieldProblem:
    place, *path = error["loc"]
    if error["type"] == "json_invalid":
        return FieldProblem(detail=f"{error['ctx']['error']} at character {path[0]}")
    detail = str(error["msg"]).removeprefix("Value error, ")
    if place != "body":
        return FieldProblem(parameter=".".join(str(step) for step in path), detail=detail)
    escaped = (str(step).replace("~", "~0").replace("/", "~1") for step in path)
    return FieldProblem(pointer="#" + "".join(f"/{step}" for step in escaped), detail=detail)
