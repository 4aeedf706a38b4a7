"""Answer GET and POST / and /drafts (the web forms), and GET /docs."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from viral_common.errors import ServerAway
from viral_common.stores.trail import BatchTrail

from viral_gateway.api.record_schemas import BatchOut
from viral_gateway.api.request_schemas import MAX_DRAFTS, MAX_TEXT, PostIn
from viral_gateway.gateway import Gateway, GatewayDep
from viral_gateway.pages.batch_steps import find_batch_on_its_way
from viral_gateway.pages.code_snippets import CodeSnippets
from viral_gateway.pages.form import EXAMPLES, MAX_FIELDS, Form
from viral_gateway.pages.pipeline import SHOWN_BATCHES
from viral_gateway.pages.result import Result, describe_account
from viral_gateway.pages.templates import render_page, templates
from viral_gateway.pages.tweet_length import RULES, compute_tweet_length
from viral_gateway.prediction.batching import QueueFull
from viral_gateway.problems import RETRY_AFTER_S, RETRY_SOON_S
from viral_gateway.serving.champion import Serving, make_sentence

router = APIRouter(include_in_schema=False)

DRAFTS = "/drafts"
FORMS = ("application/x-www-form-urlencoded", "multipart/form-data")
NO_ANSWER = "Your text is kept: try again in a moment, or see on the pipeline page what is being done."
BUSY = "So many tweets are waiting that yours was not taken. Your text is kept: try again in a moment."


@router.api_route("/", methods=["GET", "POST"])
@router.api_route(DRAFTS, methods=["GET", "POST"])
async def serve_form(request: Request, gateway: GatewayDep) -> Response:
    """Serve both methods by one route: of two, a 405 would name the methods of the first alone."""
    return await (answer_form if request.method == "POST" else show_form)(request, gateway)


async def show_form(request: Request, gateway: Gateway) -> Response:
    """Show the empty form; before the first model, what the pipeline is doing."""
    serving = gateway.holder.current
    if serving is None and request.url.path != DRAFTS:
        return await _render_first_run(request, gateway)
    return _render_form(request, gateway, serving, Form())


async def answer_form(request: Request, gateway: Gateway) -> Response:
    """Show the form with its result, or with what is wrong and everything that was typed."""
    if not request.headers.get("content-type", "").lower().startswith(FORMS):
        raise HTTPException(415, "This address takes the web form; /docs lists what programs use.")
    fields = await request.form(max_fields=MAX_FIELDS, max_files=1)
    form, serving = Form.from_fields(fields), gateway.holder.current
    if "more" in fields:
        return _render_form(request, gateway, serving, form, more=True)
    post, errors = form.parse_drafts() if request.url.path == DRAFTS else form.parse_tweet()
    if post is None:
        return _render_form(request, gateway, serving, replace(form, errors=errors), 422)
    if serving is None:
        refusal = f"{make_sentence(gateway.holder.missing)} {NO_ANSWER}"
        return _render_form(request, gateway, None, form, 503, RETRY_AFTER_S, refusal=refusal)
    try:
        return await _render_answer(request, gateway, serving, form, post)
    except QueueFull:
        return _render_form(request, gateway, serving, form, 503, RETRY_SOON_S, refusal=BUSY)


@router.get("/docs")
async def show_docs(request: Request) -> Response:
    """Show Swagger UI from local files. It needs no key, so it shows nothing of the model."""
    return templates.TemplateResponse(request, "docs.html")


async def _render_answer(
    request: Request, gateway: Gateway, serving: Serving, form: Form, post: PostIn
) -> Response:
    now = datetime.now(UTC)
    tweets = [post.build_input(text, now) for text in form.texts]
    if request.url.path == DRAFTS:
        ranking = await gateway.predictions.rank_drafts(serving, tweets)
        account = describe_account(ranking.tweet, serving.scorer.spec.likes_threshold)
        return _render_form(request, gateway, serving, form, result=ranking, account=account)
    [prediction] = await gateway.predictions.predict_tweets(serving, tweets, explain=True, what_if=True)
    snippets = CodeSnippets.from_form(
        form, str(request.base_url), asks_for_keys=gateway.settings.asks_for_keys
    )
    result = Result.from_prediction(prediction, serving)
    return _render_form(request, gateway, serving, form, result=result, snippets=snippets)


def _render_form(
    request: Request,
    gateway: Gateway,
    serving: Serving | None,
    form: Form,
    status: int = 200,
    retry_after_s: int | None = None,
    **more: Any,
) -> Response:
    return render_page(
        request,
        "drafts.html" if request.url.path == DRAFTS else "form.html",
        gateway,
        serving,
        status,
        retry_after_s,
        form=form,
        length=compute_tweet_length(form.texts[0][:MAX_TEXT]),
        rules=RULES,
        examples=EXAMPLES,
        most_drafts=MAX_DRAFTS,
        logs_predictions=gateway.settings.log_predictions,
        **more,
    )


async def _render_first_run(request: Request, gateway: Gateway) -> Response:
    away, batch = None, None
    try:
        trails: list[BatchTrail] = await run_in_threadpool(gateway.records.read_batches, SHOWN_BATCHES)
        batch = find_batch_on_its_way([BatchOut.from_trail(trail) for trail in trails])
    except ServerAway as error:
        away = str(error)
    obstacle = gateway.holder.obstacle
    return render_page(request, "first_run.html", gateway, None, obstacle=obstacle, batch=batch, away=away)
