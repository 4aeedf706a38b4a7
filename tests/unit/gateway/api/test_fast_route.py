"""The short way to predictions: what takes it, and what goes the long way with all that was heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send
from viral_gateway.api.fast_route import Express
from viral_gateway.api.routes import predictions
from viral_gateway.prediction.batching import QueueFull, Scoring

from tests.unit.gateway.fakes import World

SOUND = json.dumps({"tweets": [{"text": "a good one"}]}).encode()
PATH = "/v1/predictions"


class LongWay:
    """The application behind: remembers what it was asked."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)


@pytest.fixture
def long_way() -> LongWay:
    return LongWay()


@pytest.fixture
def express(world: World, long_way: LongWay) -> Express:
    world.serve(base=0.5)
    [route] = [route for route in predictions.router.routes if isinstance(route, APIRoute)]
    return Express(long_way, route, world.gateway())


def ask(
    express: Express, pieces: Sequence[bytes], content_type: bytes = b"application/json"
) -> list[Message]:
    """What it sends for a body that comes in `pieces`."""
    coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    coming[-1]["more_body"] = False
    scope: Scope = {
        "type": "http",
        "path": PATH,
        "method": "POST",
        "headers": [(b"content-type", content_type)],
    }
    sent: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    asyncio.run(express(scope, receive, send))
    return sent


@pytest.mark.parametrize("pieces", [[SOUND], [SOUND[:20], SOUND[20:]]])
@pytest.mark.parametrize("content_type", [b"application/json", b"Application/JSON; charset=utf-8"])
def test_a_sound_body_is_answered_without_the_long_way(
    express: Express, long_way: LongWay, pieces: list[bytes], content_type: bytes
) -> None:
    start, end = ask(express, pieces, content_type)

    assert start["status"] == 200
    assert json.loads(end["body"])["predictions"][0]["probability"] == 0.7
    assert long_way.bodies == []


@pytest.mark.parametrize("pieces", [[b"{"], [b'{"twe', b'ets": []}'], [b""]])
def test_a_body_that_is_not_sound_is_heard_whole_on_the_long_way(
    express: Express, long_way: LongWay, pieces: list[bytes]
) -> None:
    assert ask(express, pieces) == []

    assert long_way.bodies == [b"".join(pieces)]


def test_a_body_that_is_no_json_takes_the_long_way_unheard(express: Express, long_way: LongWay) -> None:
    assert ask(express, [SOUND], b"text/plain") == []

    assert long_way.bodies == [SOUND]


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (QueueFull("too many"), 503, "1"),
        (HTTPException(413, "too large"), 413, None),
        (RuntimeError("a bug"), 500, None),
    ],
)
def test_what_goes_wrong_on_the_short_way_is_told_as_everywhere(
    client: TestClient,
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    retry: str,
) -> None:
    async def fail(*_: object) -> list[float]:
        raise error

    world.serve()
    monkeypatch.setattr(Scoring, "probabilities", fail)

    reply = client.post(PATH, content=SOUND, headers={"Content-Type": "application/json"})

    assert reply.status_code == reply.json()["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers.get("retry-after") == retry
