"""Build the OpenAPI document: FastAPI's, with errors, headers, keys and examples described as what they are."""

from __future__ import annotations

from typing import Any, NamedTuple

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from viral_gateway.api import fast_route
from viral_gateway.api.openapi_examples import add_examples
from viral_gateway.middleware import api_keys, body_limit
from viral_gateway.middleware.public_paths import is_open
from viral_gateway.problems import MEDIA_TYPE, Problem, find_title
from viral_gateway.serving.champion import NOTHING_PROMOTED, make_sentence


class Meaning(NamedTuple):
    """Say what a status means, with an example of its detail."""

    description: str
    detail: str


MEANING = {
    400: Meaning("The body is no JSON", "The body is no JSON: Expecting value at character 12."),
    401: Meaning("The gateway asks for API keys; none was sent, or a wrong one", api_keys.DETAIL),
    403: Meaning(
        "The key's role is not enough for this address",
        api_keys.FORBIDDEN.format(has="predict", needed="read"),
    ),
    408: Meaning("The body did not arrive in time", "The body did not arrive within 10 seconds."),
    413: Meaning("The body is larger than 1 MiB", body_limit.TOO_LARGE),
    415: Meaning("The body is not sent as JSON", fast_route.NOT_JSON),
    422: Meaning("A field is wrong; `errors` says which", "1 field is wrong; see errors."),
    429: Meaning(
        "More requests than a caller may send; Retry-After says when to ask again",
        "More than 600 requests a minute; wait as Retry-After says.",
    ),
    503: Meaning(
        "No model yet, too much to do, or Postgres is away; Retry-After says when to ask again",
        make_sentence(NOTHING_PROMOTED),
    ),
}
# What the layers around the routes answer: to whoever calls, and to a body.
TO_CALLERS = (401, 403, 429)
TO_BODIES = (408, 413)

# Where the detail or the wrong field is another.
POSTGRES_AWAY = "Postgres does not answer; check VIRAL_DATABASE_URL"
TOO_MANY_STREAMS = (
    "1000 event streams are open, as many as may be; close some, or ask again as Retry-After says."
)
DETAILS_AT = {
    ("/v1/models", 503): POSTGRES_AWAY,
    ("/v1/batches", 503): POSTGRES_AWAY,
    ("/v1/events", 503): TOO_MANY_STREAMS,
}
WRONG_FIELD = {"pointer": "#/tweets/0/text", "detail": "String should have at most 4000 characters"}
WRONG_LIMIT = {"parameter": "limit", "detail": "Input should be less than or equal to 1000"}
WRONG_AT = {
    "/v1/predictions": WRONG_FIELD,
    "/v1/rankings": WRONG_FIELD | {"pointer": "#/drafts/0"},
    "/v1/events": {"parameter": "since", "detail": "Input should be greater than or equal to 0"},
}

SCHEMES = {
    "bearer": {"type": "http", "scheme": "bearer", "description": "An API key"},
    "header": {"type": "apiKey", "in": "header", "name": "X-API-Key", "description": "An API key"},
    "browser": {"type": "http", "scheme": "basic", "description": "Any name, and an API key as password"},
}


def describe_problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Describe the errors of a route, for its `responses`."""
    return {status: {"model": Problem, "description": MEANING[status].description} for status in statuses}


def describe(app: FastAPI, *, asks_for_keys: bool) -> None:
    """Have `app` serve the document."""

    def build_document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title, version=app.version, description=app.description, routes=app.routes
            )
            for path, operations in made["paths"].items():
                for operation in operations.values():
                    _complete(path, operation, asks_for_keys)
            made["components"]["securitySchemes"] = SCHEMES
            add_examples(made)
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = build_document  # type: ignore[method-assign]  # FastAPI's own way of extending it


def _complete(path: str, operation: dict[str, Any], asks_for_keys: bool) -> None:
    responses = operation["responses"]
    more = list(TO_BODIES if "requestBody" in operation else ())
    if not is_open(path):
        more += TO_CALLERS
        operation["security"] = [*([] if asks_for_keys else [{}]), *({name: []} for name in SCHEMES)]
    for status in more:
        schema = {"$ref": f"#/components/schemas/{Problem.__name__}"}
        content = {"application/json": {"schema": schema}}
        responses[str(status)] = {"description": MEANING[status].description, "content": content}
    for status, response in responses.items():
        _name_problem(path, int(status), response)
        response.setdefault("headers", {}).update(_describe_headers(int(status), path))
    operation["responses"] = dict(sorted(responses.items()))


def _name_problem(path: str, status: int, response: dict[str, Any]) -> None:
    """Give a problem its own media type: FastAPI calls every reply application/json."""
    content = response.get("content", {})
    if not content.get("application/json", {}).get("schema", {}).get("$ref", "").endswith("/Problem"):
        return
    example: dict[str, Any] = {
        "type": "about:blank",
        "title": find_title(status),
        "status": status,
        "detail": DETAILS_AT.get((path, status), MEANING[status].detail),
        "instance": path,
    }
    if status == 422:
        example["errors"] = [WRONG_AT.get(path, WRONG_LIMIT)]
    content[MEDIA_TYPE] = {**content.pop("application/json"), "example": example}


def _describe_headers(status: int, path: str) -> dict[str, Any]:
    headers = {
        "X-Request-ID": ("As sent, or a new one; the gateway's log lines carry it", "string", "7b0e4c1a")
    }
    if status in (429, 503) and not is_open(path):
        headers["Retry-After"] = ("Seconds to wait", "string", "10")
    if status == 401:
        headers["WWW-Authenticate"] = ("Ways to send a key", "string", 'Bearer realm="viral-tweets"')
    if status == 429:
        headers["RateLimit"] = ("What is left, and for how long", "string", '"default";r=0;t=12')
    return {
        name: {"description": description, "required": True, "schema": {"type": kind}, "example": example}
        for name, (description, kind, example) in headers.items()
    }
