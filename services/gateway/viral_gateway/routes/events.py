"""GET /v1/events"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import APIRouter, Header, Query
from sse_starlette import EventSourceResponse, ServerSentEvent
from viral_common.events import ModelPromoted

from viral_gateway.context import Gateway, GatewayDep, details_of
from viral_gateway.openapi import problems
from viral_gateway.serving import Serving

router = APIRouter(prefix="/v1", tags=["events"])

KEEP_ALIVE_S = 15
RECONNECT_MS = 3_000

Seq = Annotated[int | None, Query(ge=0, description="Tell at once if a later promotion than this one serves")]
LastSeq = Annotated[
    int | None, Header(alias="Last-Event-ID", ge=0, description="Sent by browsers on reconnecting")
]


@router.get(
    "/events",
    summary="Hear of each model that takes over",
    response_class=EventSourceResponse,
    responses={200: {"content": {"text/event-stream": {}}}, **problems(422)},
)
async def events(
    gateway: GatewayDep, since: Seq = None, last_event_id: LastSeq = None
) -> EventSourceResponse:
    """Server-sent events `model.promoted`, each with what `GET /v1/model` says; its id is the promotion_seq."""
    known = since if last_event_id is None else last_event_id
    return EventSourceResponse(_stream(gateway, known), ping=KEEP_ALIVE_S)


async def _stream(gateway: Gateway, known: int | None) -> AsyncIterator[ServerSentEvent]:
    with gateway.announcements.listening() as news:
        yield ServerSentEvent(comment="listening", retry=RECONNECT_MS)
        current = gateway.holder.current
        if current and known is not None and current.model.promotion_seq > known:
            yield _took_over(current)
        while True:
            await news.wait()
            news.clear()
            yield _took_over(gateway.holder.serving())


def _took_over(serving: Serving) -> ServerSentEvent:
    details = details_of(serving)
    return ServerSentEvent(details.model_dump_json(), event=ModelPromoted.name, id=str(details.promotion_seq))
