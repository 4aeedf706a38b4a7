"""Pages from templates, each with what every page shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from fastapi import Request, Response
from fastapi.templating import Jinja2Templates

from viral_gateway import views
from viral_gateway.context import Gateway, details_of
from viral_gateway.links import Links
from viral_gateway.serving import Serving

templates = Jinja2Templates(Path(__file__).parent / "templates")
templates.env.filters.update(
    percent=views.percent, utc=views.utc, day=views.day, goal=views.goal, question=views.question
)
templates.env.globals.update(took=views.took)


def page(request: Request, template: str, gateway: Gateway, serving: Serving | None, **more: Any) -> Response:
    """`template` with the model that serves, what was refused, and links; never kept by a cache."""
    context = {
        "model": details_of(serving) if serving else None,
        "refused": gateway.holder.refused,
        "links": Links.of(gateway.settings),
        **more,
    }
    return templates.TemplateResponse(request, template, context, headers={"Cache-Control": "no-store"})
