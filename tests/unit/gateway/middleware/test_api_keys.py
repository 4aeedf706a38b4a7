"""Where keys are given, one of them opens /v1 and the pages; probes, metrics and documentation stay open."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

import pytest
import structlog
from pydantic import ValidationError
from starlette.testclient import TestClient
from viral_gateway.app import create_app
from viral_gateway.serving.champion import Refusal

from tests.unit.gateway.fakes import NOON, FakeGateway, make_settings

OTHER, KEY = "0123456789abcdef-other", "p4Ss~key+/==and-longer"


@pytest.fixture
def guarded(fake_gateway: FakeGateway) -> TestClient:
    fake_gateway.settings["api_keys"] = f"{OTHER}, {KEY}"
    fake_gateway.serve()
    return TestClient(create_app(fake_gateway.build()))


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": f"Bearer {KEY}"},
        {"authorization": f"bearer {KEY}"},
        {"X-API-Key": KEY},
        {"X-API-Key": OTHER},
        {"Authorization": "Basic " + b64encode(f"me:{KEY}".encode()).decode()},
    ],
)
def test_each_way_to_send_a_key(guarded: TestClient, headers: dict[str, str]) -> None:
    assert guarded.get("/v1/model", headers=headers).status_code == 200
    assert guarded.get("/", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Authorization": "Bearer "},
        {"Authorization": f"Bearer {KEY}x"},
        {"Authorization": f"Bearer {OTHER}, {KEY}"},
        {"Authorization": KEY},
        {"Authorization": f"Digest {KEY}"},
        {"Authorization": "Basic !"},
        {"Authorization": "Basic /w=="},
        {"Authorization": "Basic " + b64encode(f"{KEY}:".encode()).decode()},
        {"X-API-Key": b"schl\xfcssel"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/pipeline", "/v1/model", "/v1/events", "/v2", "//metrics"])
def test_anything_else_is_refused_and_the_reply_says_how(
    guarded: TestClient, path: str, headers: dict[str, Any]
) -> None:
    reply = guarded.get(path, headers=headers)

    assert reply.status_code == 401
    assert reply.headers["content-type"] == "application/problem+json"
    assert [challenge.split()[0] for challenge in reply.headers.get_list("www-authenticate")] == [
        "Bearer",
        "Basic",
    ]
    assert reply.json()["status"] == 401
    assert "X-API-Key" in reply.json()["detail"]
    assert KEY not in reply.text


@pytest.mark.parametrize("path", ["/health/live", "/metrics", "/docs", "/openapi.json", "/static/style.css"])
def test_what_stays_open(guarded: TestClient, path: str) -> None:
    assert guarded.get(path).status_code == 200


@pytest.mark.parametrize("path", ["/static/nope", "/static%2Fnope", "/health/nope", "/swagger/x"])
def test_what_stays_open_shows_a_browser_nothing_of_the_model(
    guarded: TestClient, fake_gateway: FakeGateway, path: str
) -> None:
    fake_gateway.holder.refused = Refusal(4, 4, "/data/artefact: damaged", NOON)

    reply = guarded.get(path, headers={"Accept": "text/html"})

    assert reply.status_code == 404
    assert reply.headers["content-type"] == "application/problem+json"
    assert "ersion" not in reply.text
    assert "damaged" not in reply.text


@pytest.mark.parametrize("keys", [None, "", " "])
def test_without_keys_nobody_is_asked(fake_gateway: FakeGateway, keys: str | None) -> None:
    fake_gateway.settings["api_keys"] = keys

    assert TestClient(create_app(fake_gateway.build())).get("/").status_code == 200


@pytest.mark.parametrize("keys", [",", " , ", ",,"])
def test_separators_without_a_key_do_not_open_the_gateway(keys: str) -> None:
    with pytest.raises(ValidationError, match="no key between them"):
        make_settings(api_keys=keys)


@pytest.mark.parametrize(
    "keys",
    [
        "two words that are long",
        "schlüssel-von-großer-länge",
        "line\nbreak-and-some-more-of-it",
        "a",
        f"{KEY},short",
    ],
)
def test_keys_that_no_header_can_carry_are_refused_at_the_start(keys: str) -> None:
    with pytest.raises(ValidationError, match="openssl rand"):
        make_settings(api_keys=keys)


def test_who_guesses_is_logged_without_the_key_and_told_to_wait(guarded: TestClient) -> None:
    with structlog.testing.capture_logs() as logs:
        replies = [guarded.get("/v1/model", headers={"X-API-Key": f"guess {n}"}) for n in range(40)]

    assert [reply.status_code for reply in replies] == [401] * 30 + [429] * 10
    assert int(replies[-1].headers["Retry-After"]) > 0
    refused = [entry for entry in logs if entry["event"] == "key refused"]
    assert len(refused) == 30
    assert refused[0]["key_sha256"] == hashlib.sha256(b"guess 0").hexdigest()[:12]
    assert "guess" not in str(refused)


def test_a_right_key_is_let_through_from_where_others_guess(guarded: TestClient) -> None:
    for _ in range(40):
        guarded.get("/v1/model", headers={"X-API-Key": "wrong"})

    assert guarded.get("/v1/model", headers={"X-API-Key": KEY}).status_code == 200


def test_a_browser_that_has_not_been_asked_yet_is_no_guess(guarded: TestClient) -> None:
    assert {guarded.get("/").status_code for _ in range(40)} == {401}


def test_without_a_key_nobody_learns_why_an_artefact_was_refused(
    guarded: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.holder.refused = Refusal(4, 4, "/data/artefact: damaged", NOON)

    assert guarded.get("/health/ready").json()["refused"] is None
