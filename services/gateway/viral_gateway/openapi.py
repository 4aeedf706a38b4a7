"""The OpenAPI document: as FastAPI makes it, with errors described as what they are."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from viral_gateway.problems import MEDIA_TYPE, Problem

MEANING = {
    400: "The body is no JSON",
    413: "The body is larger than 1 MiB",
    415: "The body is not sent as JSON",
    422: "A field is wrong; `errors` says which",
    503: "No model yet, or Postgres is away; Retry-After says when to ask again",
}


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The errors of a route, for its `responses`."""
    return {status: {"model": Problem, "description": MEANING[status]} for status in statuses}


def describe(app: FastAPI) -> None:
    """Have `app` serve the document. FastAPI calls every reply application/json; a problem is not."""

    def document() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(
                title=app.title,
                version=app.version,
                description=app.description,
                routes=app.routes,
            )
            for path in made["paths"].values():
                for operation in path.values():
                    _name_problems(operation["responses"])
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = document  # type: ignore[method-assign]  # FastAPI's own way of extending it


def _name_problems(responses: dict[str, Any]) -> None:
    for response in responses.values():
        content = response.get("content", {})
        schema = content.get("application/json", {}).get("schema", {})
        if schema.get("$ref", "").endswith("/Problem"):
            content[MEDIA_TYPE] = content.pop("application/json")
