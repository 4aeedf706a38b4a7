"""The fast route: what it answers itself, and what FastAPI's own route gets with all that was received."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence

import pytest
from starlette.exceptions import HTTPException
from starlette.testclient import TestClient
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from viral_gateway.api.routes.predictions import build_fast_routes
from viral_gateway.prediction.batching import QueueFull, Scoring

from tests.unit.gateway.fakes import FakeGateway

VALID = json.dumps({"tweets": [{"text": "a good one"}]}).encode()
PATH = "/v1/predictions"


class Fallback:
    """Remember the bodies that the route behind received."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        self.bodies.append(body)


@pytest.fixture
def fallback() -> Fallback:
    return Fallback()


@pytest.fixture
def app(fake_gateway: FakeGateway, fallback: Fallback) -> ASGIApp:
    fake_gateway.serve(base=0.5)
    fast, _ = build_fast_routes(fake_gateway.build(), {})
    return fast.cls(fallback, *fast.args, **fast.kwargs)


def ask(app: ASGIApp, pieces: Sequence[bytes], content_type: bytes = b"application/json") -> list[Message]:
    """Send a body in `pieces`."""
    coming = [{"type": "http.request", "body": piece, "more_body": True} for piece in pieces]
    coming[-1]["more_body"] = False
    headers = [(b"content-type", content_type)]
    scope: Scope = {"type": "http", "path": PATH, "method": "POST", "headers": headers}
    sent: list[Message] = []

    async def receive() -> Message:
        return coming.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    async def call() -> None:
        await app(scope, receive, send)

    asyncio.run(call())
    return sent


@pytest.mark.parametrize("pieces", [[VALID], [VALID[:20], VALID[20:]]])
@pytest.mark.parametrize("content_type", [b"application/json", b"Application/JSON; charset=utf-8"])
def test_a_valid_body_is_answered_without_the_fallback(
    app: ASGIApp, fallback: Fallback, pieces: list[bytes], content_type: bytes
) -> None:
    start, end = ask(app, pieces, content_type)

    assert start["status"] == 200
    assert json.loads(end["body"])["predictions"][0]["probability"] == 0.7
    assert fallback.bodies == []


@pytest.mark.parametrize("pieces", [[b"{"], [b'{"twe', b'ets": []}'], [b""]])
def test_the_fallback_receives_the_whole_of_an_invalid_body(
    app: ASGIApp, fallback: Fallback, pieces: list[bytes]
) -> None:
    assert ask(app, pieces) == []

    assert fallback.bodies == [b"".join(pieces)]


def test_what_is_not_sent_as_json_is_refused_unread(app: ASGIApp, fallback: Fallback) -> None:
    start, *_ = ask(app, [VALID], b"text/plain")

    assert start["status"] == 415
    assert fallback.bodies == []


@pytest.mark.parametrize(
    ("error", "status", "retry"),
    [
        (QueueFull("too many"), 503, "1"),
        (HTTPException(413, "too large"), 413, None),
        (RuntimeError("a bug"), 500, None),
    ],
)
def test_an_error_on_the_fast_route_is_answered_as_everywhere(
    client: TestClient,
    fake_gateway: FakeGateway,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    status: int,
    retry: str,
) -> None:
    async def fail(*_: object) -> list[float]:
        raise error

    fake_gateway.serve()
    monkeypatch.setattr(Scoring, "score_tweets", fail)

    reply = client.post(PATH, content=VALID, headers={"Content-Type": "application/json"})

    assert reply.status_code == reply.json()["status"] == status
    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.headers.get("retry-after") == retry
