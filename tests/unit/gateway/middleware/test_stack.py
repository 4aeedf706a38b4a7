"""What holds for every reply: HEAD, gzip, other origins, security headers."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from starlette.testclient import TestClient
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway, make_settings

KEY = "one-key-of-twenty-letters"
ORIGIN = {"Origin": "https://example.org"}
MANY = {"tweets": [{"text": f"tweet number {number}"} for number in range(20)]}


@pytest.mark.parametrize("path", ["/", "/health/live", "/health/ready", "/v1/model", "/docs", "/nowhere"])
def test_head_is_get_without_the_body(client: TestClient, fake_gateway: FakeGateway, path: str) -> None:
    fake_gateway.serve()

    got, head = client.get(path), client.head(path)

    assert head.status_code == got.status_code
    assert head.content == b""
    for name in ("content-type", "content-length", "content-security-policy"):
        assert head.headers[name] == got.headers[name]


def test_a_stream_has_no_head(client: TestClient) -> None:
    reply = client.head("/v1/events")

    assert reply.status_code == 405
    assert reply.headers["allow"] == "GET"
    assert reply.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "TRACE", "BREW"])
def test_a_method_that_is_not_taken(client: TestClient, method: str) -> None:
    reply = client.request(method, "/v1/model")

    assert reply.status_code == 405
    assert reply.headers["content-type"] == "application/problem+json"


def test_a_large_reply_is_gzipped_for_whoever_takes_that(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve()

    plain = client.post("/v1/predictions", json=MANY, headers={"Accept-Encoding": "identity"})
    gzipped = client.post("/v1/predictions", json=MANY, headers={"Accept-Encoding": "br, gzip"})

    assert "content-encoding" not in plain.headers
    assert gzipped.headers["content-encoding"] == "gzip"
    assert plain.headers["vary"] == gzipped.headers["vary"] == "Accept-Encoding"
    assert int(gzipped.headers["content-length"]) < int(plain.headers["content-length"]) / 4
    assert gzipped.json()["predictions"] == plain.json()["predictions"]


def test_a_small_reply_goes_as_it_is(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    reply = client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]})

    assert "content-encoding" not in reply.headers


def test_by_default_no_other_origin_may_read_a_reply(client: TestClient) -> None:
    reply = client.get("/health/live", headers=ORIGIN)

    assert not [name for name in reply.headers if name.startswith("access-control")]


@pytest.mark.parametrize("origins", ["*", "http://localhost:3000, https://example.org"])
def test_an_allowed_origin_may_ask_with_a_key_and_read_the_limits(
    fake_gateway: FakeGateway, origins: str
) -> None:
    fake_gateway.settings.update(cors_origins=origins, api_keys=KEY, rate_limit=1)
    fake_gateway.serve()
    client = TestClient(create_app(fake_gateway.build()))
    wanted = {
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "x-api-key,content-type",
    }

    preflight = client.options("/v1/predictions", headers=ORIGIN | wanted)
    replies = [client.get("/v1/model", headers=ORIGIN | {"X-API-Key": key}) for key in (KEY, KEY, "no")]

    assert preflight.status_code == 200
    assert [reply.status_code for reply in replies] == [200, 429, 401]
    for reply in (preflight, *replies):
        assert reply.headers["access-control-allow-origin"] in ("*", ORIGIN["Origin"])
        assert "access-control-allow-credentials" not in reply.headers
    assert "Retry-After" in replies[1].headers["access-control-expose-headers"]


def test_an_origin_that_is_not_named_may_not(fake_gateway: FakeGateway) -> None:
    fake_gateway.settings["cors_origins"] = "https://example.com"
    client = TestClient(create_app(fake_gateway.build()))

    assert "access-control-allow-origin" not in client.get("/health/live", headers=ORIGIN).headers


@pytest.mark.parametrize("origins", ["example.org", "https://example.org/path", "https://", "null"])
def test_what_is_no_origin_is_refused_at_the_start(origins: str) -> None:
    with pytest.raises(ValidationError, match="scheme and a host"):
        make_settings(cors_origins=origins)


def test_static_files_are_asked_for_again_and_answered_cheaply(client: TestClient) -> None:
    for path in ("/static/form.js", "/swagger/swagger-ui.css"):
        first = client.get(path)
        again = client.get(path, headers={"If-None-Match": first.headers["etag"]})

        assert (first.status_code, again.status_code) == (200, 304)
        assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"


def test_a_security_header_is_on_every_reply_once(client: TestClient) -> None:
    for reply in (client.get("/"), client.get("/nowhere"), client.get("/static/style.css")):
        assert reply.headers.get_list("x-content-type-options") == ["nosniff"]
        assert "default-src 'self'" in reply.headers["content-security-policy"]
