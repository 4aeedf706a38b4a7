"""Answer GET /v1/events."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated, Any

import anyio
from fastapi import APIRouter, Depends, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent
from starlette.types import Receive, Scope, Send
from viral_common.events import ModelPromoted

from viral_gateway.api.openapi import describe_problems
from viral_gateway.api.openapi_examples import build_example
from viral_gateway.api.paging import refuse_repeated_parameters
from viral_gateway.api.prediction_schemas import ModelDetails
from viral_gateway.gateway import Gateway, GatewayDep
from viral_gateway.middleware.rate_limit import identify_caller
from viral_gateway.problems import RETRY_AFTER_S, build_problem
from viral_gateway.serving.champion import Serving

router = APIRouter(prefix="/v1", tags=["events"], dependencies=[Depends(refuse_repeated_parameters)])

KEEP_ALIVE_S = 15
RECONNECT_MS = 3_000
# Time for a stream to end properly when the server stops.
CLOSE_S = 1.0

TOO_MANY = "{most} event streams are open, as many as may be; close some, or ask again as Retry-After says."

_DETAILS = json.dumps(build_example(ModelDetails.model_json_schema(mode="serialization"), {}))
EXAMPLE = f"id: 4\r\nevent: {ModelPromoted.name}\r\ndata: {_DETAILS}\r\n\r\n"

Seq = Annotated[
    int | None,
    Query(ge=0, description="Send at once if a later promotion than this one serves", examples=[3]),
]
LastSeq = Annotated[
    int | None,
    Header(alias="Last-Event-ID", ge=0, description="Sent by browsers on reconnecting", examples=[3]),
]


@router.get(
    "/events",
    name="events",
    summary="Receive each model that takes over",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {"example": EXAMPLE}}}, **describe_problems(422, 503)},
)
async def stream_events(
    gateway: GatewayDep, since: Seq = None, last_event_id: LastSeq = None
) -> EventSourceResponse:
    """Stream server-sent events `model.promoted`, each with what `GET /v1/model` says; its id is the promotion_seq."""
    known = since if last_event_id is None else last_event_id
    closing = anyio.Event()
    return _CountedStream(
        gateway,
        _stream(gateway, known, closing),
        ping=KEEP_ALIVE_S,
        shutdown_event=closing,
        shutdown_grace_period=CLOSE_S,
    )


class _CountedStream(EventSourceResponse):
    """Stream, unless the caller or all together hold as many streams open as may be."""

    def __init__(self, gateway: Gateway, content: AsyncIterator[ServerSentEvent], **options: Any) -> None:
        super().__init__(content, **options)
        self._gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        settings, streams = self._gateway.settings, self._gateway.announcements.streams
        caller = identify_caller(scope)
        if streams.total() >= settings.event_streams:
            refusal = (503, settings.event_streams)
        elif streams[caller] >= settings.event_streams_per_caller:
            refusal = (429, settings.event_streams_per_caller)
        else:
            streams[caller] += 1
            try:
                await super().__call__(scope, receive, send)
            finally:
                streams[caller] -= 1
                streams += Counter()  # forgets those with none
            return
        headers = {"Retry-After": str(RETRY_AFTER_S)}
        reply = build_problem(scope["path"], refusal[0], TOO_MANY.format(most=refusal[1]), headers=headers)
        await reply(scope, receive, send)


async def _stream(
    gateway: Gateway, known: int | None, closing: anyio.Event
) -> AsyncIterator[ServerSentEvent]:
    with gateway.announcements.listen() as news:
        yield ServerSentEvent(comment="listening", retry=RECONNECT_MS)
        current = gateway.holder.current
        if current and known is not None and current.model.promotion_seq > known:
            yield _build_event(current)
        while await _wait_for_news(news, closing):
            news.clear()
            yield _build_event(gateway.holder.get_serving())


async def _wait_for_news(news: asyncio.Event, closing: anyio.Event) -> bool:
    """Wait for news; False once the server is stopping."""
    waits = [asyncio.ensure_future(event.wait()) for event in (news, closing)]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
    return not closing.is_set()


def _build_event(serving: Serving) -> ServerSentEvent:
    details = ModelDetails.from_serving(serving)
    return ServerSentEvent(details.model_dump_json(), event=ModelPromoted.name, id=str(details.promotion_seq))
