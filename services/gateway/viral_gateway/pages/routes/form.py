"""GET and POST / (the web form), GET /docs"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from viral_common.errors import ServerAway
from viral_common.stores.trail import BatchTrail

from viral_gateway.api.batch_schemas import BatchOut
from viral_gateway.api.prediction_schemas import MAX_TEXT, TweetIn, details_of
from viral_gateway.gateway import Gateway, GatewayDep
from viral_gateway.pages.code_snippets import AskAgain
from viral_gateway.pages.example_tweets import TO_TRY, to_try
from viral_gateway.pages.form import MAX_FIELDS, Form
from viral_gateway.pages.pipeline import SHOWN_BATCHES
from viral_gateway.pages.result import Result
from viral_gateway.pages.templates import page, templates
from viral_gateway.pages.training_queue import on_its_way
from viral_gateway.pages.tweet_length import RULES, tweet_length
from viral_gateway.prediction.batching import QueueFull
from viral_gateway.problems import RETRY_AFTER_S, RETRY_SOON_S
from viral_gateway.serving.champion import Serving, make_sentence

router = APIRouter(include_in_schema=False)

FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
NO_ANSWER = "Your text is kept: try again in a moment, or see on the pipeline page what is being done."
BUSY = "So many tweets are waiting that yours was not taken. Your text is kept: try again in a moment."


@router.api_route("/", methods=["GET", "POST"])
async def front(request: Request, gateway: GatewayDep) -> Response:
    """One route for both: of two, a 405 would name the methods of the first alone."""
    return await (answer if request.method == "POST" else ask)(request, gateway)


async def ask(request: Request, gateway: Gateway) -> Response:
    """The empty form; before the first model, what the pipeline is doing."""
    serving = gateway.holder.current
    if serving is None:
        return await _first_run(request, gateway)
    return _form_page(request, gateway, serving, Form())


async def answer(request: Request, gateway: Gateway) -> Response:
    """The form with its result, or with what is wrong and everything that was typed."""
    if not request.headers.get("content-type", "").lower().startswith(FORMS):
        raise HTTPException(415, "This address takes the web form; programs use POST /v1/predictions.")
    fields = await request.form(max_fields=MAX_FIELDS, max_files=1)
    form = to_try(str(fields.get("example"))) or Form.of(fields)
    tweet, errors = form.tweet()
    serving = gateway.holder.current
    if tweet is None:
        return _form_page(request, gateway, serving, replace(form, errors=errors), status=422)
    if serving is None:
        trouble = f"{make_sentence(gateway.holder.missing)} {NO_ANSWER}"
        return _try_again(_form_page(request, gateway, None, form, trouble=trouble), RETRY_AFTER_S)
    try:
        return await _answered(request, gateway, serving, form, tweet)
    except QueueFull:
        return _try_again(_form_page(request, gateway, serving, form, trouble=BUSY), RETRY_SOON_S)


@router.get("/docs")
async def docs(request: Request) -> Response:
    """Swagger UI from local files. Needs no key, so it tells nothing of the model."""
    return templates.TemplateResponse(request, "docs.html")


async def _answered(
    request: Request, gateway: Gateway, serving: Serving, form: Form, tweet: TweetIn
) -> Response:
    [prediction] = await gateway.predictions.predict_tweets(
        serving, [tweet.to_input(datetime.now(UTC))], explain=True, what_if=True
    )
    again = AskAgain.of(form, str(request.base_url), asks_for_keys=bool(gateway.settings.allowed_keys()))
    result = Result.from_prediction(prediction, details_of(serving))
    return _form_page(request, gateway, serving, form, result=result, again=again)


def _form_page(
    request: Request, gateway: Gateway, serving: Serving | None, form: Form, status: int = 200, **more: Any
) -> Response:
    shown = page(
        request,
        "form.html",
        gateway,
        serving,
        form=form,
        length=tweet_length(form.text[:MAX_TEXT]),
        rules=RULES,
        to_try=TO_TRY,
        remembers=gateway.settings.log_predictions,
        **more,
    )
    shown.status_code = status
    return shown


def _try_again(shown: Response, after_s: int) -> Response:
    shown.status_code = 503
    shown.headers["Retry-After"] = str(after_s)
    return shown


async def _first_run(request: Request, gateway: Gateway) -> Response:
    away, batch = None, None
    try:
        trails: list[BatchTrail] = await run_in_threadpool(gateway.records.batches, SHOWN_BATCHES)
        batch = on_its_way([BatchOut.of(trail) for trail in trails])
    except ServerAway as error:
        away = str(error)
    obstacle = gateway.holder.obstacle
    return page(request, "first_run.html", gateway, None, obstacle=obstacle, batch=batch, away=away)
