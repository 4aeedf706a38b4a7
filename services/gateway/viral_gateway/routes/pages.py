"""GET and POST / (the web form), GET /docs"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from viral_common.errors import ServerAway
from viral_common.trail import BatchTrail

from viral_gateway import result_view
from viral_gateway.authors import with_authors
from viral_gateway.context import Gateway, GatewayDep, details_of
from viral_gateway.form import MAX_FIELDS, Form
from viral_gateway.predicting import predictions_of
from viral_gateway.problems import RETRY_AFTER_S
from viral_gateway.record_schemas import BatchOut
from viral_gateway.rendering import page, templates

router = APIRouter(include_in_schema=False)

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")


@router.get("/")
async def ask(request: Request, gateway: GatewayDep) -> Response:
    """The empty form; before the first model, what the pipeline is doing."""
    serving = gateway.holder.current
    if serving is None:
        return await _first_run(request, gateway)
    return page(request, "form.html", gateway, serving, form=Form())


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
        shown = page(request, "form.html", gateway, serving, form=replace(form, errors=errors))
        shown.status_code = status
        if status == 503:
            shown.headers["Retry-After"] = str(RETRY_AFTER_S)
        return shown
    tweets = await with_authors(gateway, serving, [tweet.to_input(datetime.now(UTC))])
    [prediction] = await predictions_of(gateway.scoring, serving, tweets, explain=True)
    gateway.prediction_log.note(serving.model.version, tweets, [prediction.probability])
    model = details_of(serving)
    result = {
        "probability": prediction.probability,
        "words": result_view.in_words(prediction.probability, model),
        "explanation": result_view.shown_words(prediction.explanation or [], model.decision_threshold),
        "features": result_view.feature_rows(prediction.features),
        "author": result_view.author_in_words(prediction.author, model.likes_threshold),
    }
    return page(request, "form.html", gateway, serving, form=form, result=result)


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
    return page(request, "first_run.html", gateway, None, newest=newest, away=away)
