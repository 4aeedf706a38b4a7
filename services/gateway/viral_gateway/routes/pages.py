"""GET and POST / (the web form), GET /pipeline, GET /docs"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.templating import Jinja2Templates
from starlette.exceptions import HTTPException
from viral_common.errors import ServerAway
from viral_common.prediction_store import MOST_COUNTED
from viral_common.trail import BatchTrail

from viral_gateway import drift_reading, live_drift, views
from viral_gateway.authors import with_authors
from viral_gateway.context import Gateway, GatewayDep, details_of
from viral_gateway.form import MAX_FIELDS, Form
from viral_gateway.links import Links
from viral_gateway.pipeline_view import PipelineView
from viral_gateway.predicting import predictions_of
from viral_gateway.problems import RETRY_AFTER_S
from viral_gateway.record_schemas import BatchOut
from viral_gateway.serving import Serving

router = APIRouter(include_in_schema=False)

templates = Jinja2Templates(Path(__file__).parent.parent / "templates")
templates.env.filters.update(
    percent=views.percent, utc=views.utc, day=views.day, goal=views.goal, question=views.question
)
templates.env.globals.update(took=views.took)

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@router.get("/")
async def ask(request: Request, gateway: GatewayDep) -> Response:
    """The empty form; before the first model, what the pipeline is doing."""
    serving = gateway.holder.current
    if serving is None:
        return await _first_run(request, gateway)
    return _page(request, "form.html", gateway, serving, form=Form())


@router.post("/")
async def answer(request: Request, gateway: GatewayDep) -> Response:
    """The form with its result, or with what is wrong and everything that was typed."""
    if not request.headers.get("content-type", "").lower().startswith(FORMS):
        raise HTTPException(415, "This address takes the web form; programs use POST /v1/predictions.")
    form = Form.of(await request.form(max_fields=MAX_FIELDS, max_files=1))
    tweet, errors = form.tweet()
    serving = gateway.holder.current
    if tweet is None or serving is None:
        status = 422 if errors else 503
        page = _page(request, "form.html", gateway, serving, form=replace(form, errors=errors))
        page.status_code = status
        if status == 503:
            page.headers["Retry-After"] = str(RETRY_AFTER_S)
        return page
    tweets = await with_authors(gateway, serving, [tweet.to_input(datetime.now(UTC))])
    [prediction] = await predictions_of(gateway.scoring, serving, tweets, explain=True)
    gateway.prediction_log.note(serving.model.version, tweets, [prediction.probability])
    model = details_of(serving)
    result = {
        "probability": prediction.probability,
        "words": views.in_words(prediction.probability, model),
        "explanation": views.shown_words(prediction.explanation or [], model.decision_threshold),
        "features": views.feature_rows(prediction.features),
        "author": views.author_in_words(prediction.author, model.likes_threshold),
    }
    return _page(request, "form.html", gateway, serving, form=form, result=result)


@router.get("/pipeline")
def pipeline(
    request: Request, gateway: GatewayDep, page: Annotated[int, Query(ge=1, le=100_000)] = 1
) -> Response:
    """Some batches' trails, newest first; without Postgres, a note and what this process knows."""
    view = PipelineView.of(gateway, page)
    reply = _page(
        request,
        "pipeline.html",
        gateway,
        gateway.holder.current,
        view=view,
        drift_rule=drift_reading.RULE,
        least=live_drift.LEAST,
        most_counted=MOST_COUNTED,
    )
    if view.away:
        reply.status_code = 503
        reply.headers["Retry-After"] = str(RETRY_AFTER_S)
    return reply


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Swagger UI from local files."""
    return templates.TemplateResponse(request, "docs.html")


async def _first_run(request: Request, gateway: Gateway) -> Response:
    away, newest = None, None
    try:
        trails: list[BatchTrail] = await run_in_threadpool(gateway.records.batches, 1)
        newest = BatchOut.of(trails[0]) if trails else None
    except ServerAway as error:
        away = str(error)
    return _page(request, "first_run.html", gateway, None, newest=newest, away=away)


def _page(
    request: Request, template: str, gateway: Gateway, serving: Serving | None, **more: Any
) -> Response:
    context = {
        "model": details_of(serving) if serving else None,
        "refused": gateway.holder.refused,
        "links": Links.of(gateway.settings),
        **more,
    }
    return templates.TemplateResponse(request, template, context, headers={"Cache-Control": "no-store"})
