"""Every error is a problem+json that says what to do and never repeats the tweet."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from tests.unit.gateway.fakes import FakeGateway, FakeModel

SECRET = "do-not-repeat-me"
JSON = {"content-type": "application/json"}


def is_problem(reply: Any, status: int) -> None:
    assert reply.status_code == status
    assert reply.headers["content-type"] == "application/problem+json"
    body = reply.json()
    assert body["status"] == status
    assert body["type"] == "about:blank"
    assert body["title"]
    assert body["detail"]
    assert body["instance"] == reply.request.url.path


def test_an_unknown_address(client: TestClient) -> None:
    is_problem(client.get("/nowhere"), 404)


def test_an_unknown_static_file(client: TestClient) -> None:
    is_problem(client.get("/static/nothing.css"), 404)


def test_a_wrong_method(client: TestClient) -> None:
    reply = client.get("/v1/predictions")

    is_problem(reply, 405)
    assert "POST" in reply.headers["allow"]


def test_a_wrong_method_at_the_form_names_both_that_are_right(client: TestClient) -> None:
    reply = client.put("/")

    is_problem(reply, 405)
    assert set(reply.headers["allow"].split(", ")) == {"GET", "POST"}


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""]
)
def test_a_body_that_is_not_called_json(client: TestClient, fake_gateway: FakeGateway, kind: str) -> None:
    fake_gateway.serve()

    reply = client.post(
        "/v1/predictions", content=b'{"tweets": [{"text": "hi"}]}', headers={"content-type": kind}
    )

    is_problem(reply, 415)


@pytest.mark.parametrize(
    "kind", ["application/json; charset=utf-8", "Application/JSON", "application/vnd.api+json"]
)
def test_ways_to_call_it_json(client: TestClient, fake_gateway: FakeGateway, kind: str) -> None:
    fake_gateway.serve()

    reply = client.post(
        "/v1/predictions", content=b'{"tweets": [{"text": "hi"}]}', headers={"content-type": kind}
    )

    assert reply.status_code == 200


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"",
        b"nonsense",
        b'{"tweets": [{"text": "\xff\xfe"}]}',
        b"[" * 100_000,
        b'{"tweets": ' + b"9" * 5000,
    ],
)
def test_a_body_that_is_no_json(client: TestClient, fake_gateway: FakeGateway, body: bytes) -> None:
    fake_gateway.serve()

    reply = client.post("/v1/predictions", content=body, headers=JSON)

    is_problem(reply, 422 if body == b"" else 400)
    assert body == b"" or reply.json()["detail"].startswith("The body is no JSON: ")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ([], "#"),
        ({}, "#/tweets"),
        ({"tweets": []}, "#/tweets"),
        ({"tweets": SECRET}, "#/tweets"),
        ({"tweets": [SECRET]}, "#/tweets/0"),
        ({"tweets": [{"text": "ok"}, {}]}, "#/tweets/1/text"),
        ({"tweets": [{"text": 7}]}, "#/tweets/0/text"),
        ({"tweets": [{"text": SECRET * 1000}]}, "#/tweets/0/text"),
        ({"tweets": [{"text": SECRET, "photos_count": 5}]}, "#/tweets/0/photos_count"),
        ({"tweets": [{"text": SECRET, "photos_count": -1}]}, "#/tweets/0/photos_count"),
        ({"tweets": [{"text": SECRET, "photos_count": True}]}, "#/tweets/0/photos_count"),
        ({"tweets": [{"text": SECRET, "photos_count": 1e400}]}, "#/tweets/0/photos_count"),
        ({"tweets": [{"text": SECRET, "has_video": "yes"}]}, "#/tweets/0/has_video"),
        ({"tweets": [{"text": SECRET, "created_at": SECRET}]}, "#/tweets/0/created_at"),
        ({"tweets": [{"text": SECRET, "created_at": 1700000000}]}, "#/tweets/0/created_at"),
        ({"tweets": [{"text": SECRET, "username": "x" * 51}]}, "#/tweets/0/username"),
        ({"tweets": [{"text": SECRET}], "explain": 1}, "#/explain"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: TestClient, fake_gateway: FakeGateway, body: Any, pointer: str
) -> None:
    fake_gateway.serve()

    reply = client.post("/v1/predictions", content=json.dumps(body), headers=JSON)

    is_problem(reply, 422)
    assert pointer in [error["pointer"] for error in reply.json()["errors"]]
    assert all(error["detail"] for error in reply.json()["errors"])
    assert SECRET not in reply.text


def test_a_wrong_query_parameter_is_named(client: TestClient) -> None:
    reply = client.get("/v1/batches", params={"limit": 0})

    is_problem(reply, 422)
    assert reply.json()["errors"][0]["parameter"] == "limit"


@pytest.mark.parametrize(
    ("path", "name"), [("/v1/batches", "limit"), ("/v1/models", "offset"), ("/v1/events", "since")]
)
def test_a_parameter_that_is_sent_twice(client: TestClient, path: str, name: str) -> None:
    reply = client.get(f"{path}?{name}=1&{name}=1")

    is_problem(reply, 422)
    assert reply.json()["errors"] == [{"parameter": name, "detail": "Send this parameter once"}]


def test_a_body_that_announces_more_than_a_mebibyte(client: TestClient) -> None:
    is_problem(client.post("/v1/predictions", content=b"x" * 1_048_577, headers=JSON), 413)


def test_a_body_that_grows_beyond_a_mebibyte(client: TestClient) -> None:
    def endless() -> Iterator[bytes]:
        for _ in range(20):
            yield b" " * 100_000

    reply = client.post("/v1/predictions", content=endless(), headers=JSON)

    assert "content-length" not in reply.request.headers
    is_problem(reply, 413)


def test_a_form_beyond_a_mebibyte(client: TestClient) -> None:
    is_problem(client.post("/", data={"text": "x" * 1_048_577}), 413)


def test_postgres_away(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    fake_gateway.records.away = True

    for path in ("/v1/models", "/v1/batches"):
        reply = client.get(path)
        is_problem(reply, 503)
        assert "retry-after" in reply.headers
        assert "VIRAL_DATABASE_URL" in reply.json()["detail"]
    assert client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]}).status_code == 200


def test_a_bug_is_a_500_that_gives_nothing_away(
    client: TestClient, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError(SECRET)

    fake_gateway.serve()
    monkeypatch.setattr(FakeModel, "predict", broken)

    reply = client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]})

    is_problem(reply, 500)
    assert SECRET not in reply.text
    assert "content-security-policy" in reply.headers


def test_a_model_that_answers_no_number_is_a_500_not_a_nan(
    client: TestClient, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_gateway.serve()
    monkeypatch.setattr(FakeModel, "predict", lambda _, tweets: np.full(len(tweets), np.nan))

    is_problem(client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]}), 500)
