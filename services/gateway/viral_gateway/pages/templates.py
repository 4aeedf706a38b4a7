"""Render pages from templates, each with what every page shows."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any, cast

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates

from viral_gateway.api.prediction_schemas import ModelDetails
from viral_gateway.gateway import Gateway
from viral_gateway.middleware.access import CALLER, has_role
from viral_gateway.middleware.public_paths import is_open
from viral_gateway.pages import number_formats
from viral_gateway.pages.links import Links
from viral_gateway.serving.champion import Serving, make_sentence


def _describe_caller(request: Request) -> dict[str, Any]:
    """Say who looks at the page, and what they may."""
    return {
        "caller": request.scope.get(CALLER),
        "asks_for_keys": request.app.state.access is not None,
        "may": partial(has_role, request),
    }


templates = Jinja2Templates(Path(__file__).parent / "templates", context_processors=[_describe_caller])
templates.env.filters.update(
    percent=number_formats.format_percent,
    utc=number_formats.format_time,
    day=number_formats.format_day,
    hour=number_formats.format_hour,
    goal=number_formats.format_goal,
    question=number_formats.format_question,
    points=number_formats.format_points,
)
templates.env.globals.update(took=number_formats.format_duration)


def render_page(
    request: Request,
    template: str,
    gateway: Gateway,
    serving: Serving | None,
    status: int = 200,
    retry_after_s: int | None = None,
    **more: Any,
) -> Response:
    """Render `template` with the model that serves, or why none does, what was refused, and links; not to be cached."""
    context = {
        "model": ModelDetails.from_serving(serving) if serving else None,
        "refused": gateway.holder.refused,
        "missing": make_sentence(gateway.holder.missing),
        "links": Links.from_settings(gateway.settings),
        **more,
    }
    headers = {"Cache-Control": "no-store"} | ({"Retry-After": str(retry_after_s)} if retry_after_s else {})
    return templates.TemplateResponse(request, template, context, status, headers)


def is_page_request(request: Request) -> bool:
    """Say whether a person's browser asks, outside the API; programs name no HTML.

    Never where no key is asked for: a page shows the model.
    """
    asked, path = request.headers.get("accept", ""), request.scope["path"]
    return "text/html" in asked and not path.startswith("/v1/") and not is_open(path)


def render_not_found(request: Request) -> Response:
    """Render the page for people who mistyped an address."""
    gateway = cast(Gateway, request.app.state.gateway)
    return render_page(request, "not_found.html", gateway, gateway.holder.current, 404)
