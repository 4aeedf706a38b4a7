"""A caller finds its request in the logs by the name it gave it."""

from __future__ import annotations

import logging
import re

import pytest
import structlog
from starlette.testclient import TestClient
from viral_gateway.middleware.request_log import RequestNames

from tests.unit.gateway.fakes import FakeGateway, FakeModel

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = f"00-{TRACE}-00f067aa0ba902b7-01"


@pytest.mark.parametrize(
    "path", ["/health/live", "/nowhere", "/v1/predictions", "/static/style.css", "/v1/model"]
)
def test_both_come_back_on_every_reply(client: TestClient, path: str) -> None:
    reply = client.get(path, headers={"X-Request-ID": "my-request/7", "traceparent": PARENT})

    assert reply.headers.get_list("x-request-id") == ["my-request/7"]
    assert reply.headers.get_list("traceparent") == [PARENT]


def test_without_them_there_is_a_new_id_each_time_and_no_trace(client: TestClient) -> None:
    first, second = client.get("/health/live"), client.get("/health/live")

    assert re.fullmatch("[0-9a-f]{32}", first.headers["x-request-id"])
    assert first.headers["x-request-id"] != second.headers["x-request-id"]
    assert "traceparent" not in first.headers


@pytest.mark.parametrize("sent", [b"", b"a b", b"x" * 129, b"a\nb", b"caf\xe9", b'"', b"{}", b"a,b"])
def test_an_id_that_could_forge_a_line_or_is_too_long_is_replaced(sent: bytes) -> None:
    made = RequestNames.from_headers([(b"x-request-id", sent)]).request_id

    assert re.fullmatch(rb"[0-9a-f]{32}", made)


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        (PARENT, True),
        (PARENT[:-2] + "ff", True),
        ("cc" + PARENT[2:] + "-what-comes-later", True),
        (PARENT + "-more", False),
        ("ff" + PARENT[2:], False),
        (PARENT.upper(), False),
        (f"00-{'0' * 32}-00f067aa0ba902b7-01", False),
        (f"00-{TRACE}-{'0' * 16}-01", False),
        (PARENT[:-1], False),
        ("", False),
        ("cc" + PARENT[2:] + "-" + "x" * 10_000, False),
    ],
)
def test_only_a_valid_traceparent_is_taken_up(sent: str, taken: bool) -> None:
    assert RequestNames.from_headers([(b"traceparent", sent.encode())]).traceparent == (
        sent.encode() if taken else None
    )


def test_what_is_logged_meanwhile_carries_both(
    client: TestClient, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[dict[str, object]] = []

    def broken(*_: object) -> None:
        raise RuntimeError("broken")

    fake_gateway.serve()
    monkeypatch.setattr(FakeModel, "predict", broken)
    monkeypatch.setattr(
        "viral_gateway.middleware.request_log.log.exception",
        lambda event, **_: seen.append({"event": event, **structlog.contextvars.get_contextvars()}),
    )

    client.post(
        "/v1/predictions",
        json={"tweets": [{"text": "hi"}]},
        headers={"X-Request-ID": "mine", "traceparent": PARENT},
    )

    assert seen == [{"event": "request failed", "request_id": "mine", "trace_id": TRACE}]


def test_at_level_debug_each_request_has_a_line(
    client: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[dict[str, object]] = []
    monkeypatch.setattr(
        "viral_gateway.middleware.request_log.log.debug", lambda _, **fields: seen.append(fields)
    )

    client.get("/health/live")
    caplog.set_level(logging.DEBUG, logger="viral_gateway.middleware.request_log")
    client.get("/nowhere")

    assert [(line["path"], line["status"]) for line in seen] == [("/nowhere", 404)]
