"""People come in by an OpenID Connect provider that really answers, and by nothing that only looks like it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from pydantic import ValidationError
from starlette.testclient import TestClient
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway, make_settings
from tests.unit.gateway.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityProvider,
    run_identity_provider,
)

ROLES = "ada@example.org=read, ops=admin, analysts=predict, me@ops.org=admin"
PAGE = {"Accept": "text/html"}


@pytest.fixture(scope="module")
def running_provider() -> Iterator[IdentityProvider]:
    with run_identity_provider() as provider:
        yield provider


@pytest.fixture
def provider(running_provider: IdentityProvider) -> IdentityProvider:
    """As it was in the beginning."""
    running_provider.__dict__ |= IdentityProvider(running_provider.url).__dict__
    return running_provider


def make_client(fake_gateway: FakeGateway, provider: IdentityProvider, roles: str = ROLES) -> TestClient:
    fake_gateway.serve()
    fake_gateway.settings = {
        "oidc_issuer": provider.url,
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_roles": roles,
    }
    return TestClient(create_app(fake_gateway.build()), "http://127.0.0.1:8000", follow_redirects=False)


@pytest.fixture
def client(fake_gateway: FakeGateway, provider: IdentityProvider) -> TestClient:
    return make_client(fake_gateway, provider)


def sign_in(client: TestClient, provider: IdentityProvider, target: str = "/pipeline") -> Any:
    """Go there, agree, and come back."""
    sent = client.get("/sign-in/provider", params={"next": target})
    assert sent.status_code == 302, sent.text
    return client.get(provider.authorize(sent.headers["location"]), headers=PAGE)


@pytest.mark.parametrize("alg", ["RS256", "ES256"])
def test_a_person_comes_back_to_the_page_that_was_asked_for(
    client: TestClient, provider: IdentityProvider, alg: str
) -> None:
    provider.alg = alg
    asked = client.get("/pipeline?page=2", headers=PAGE)
    assert asked.status_code == 401
    assert "/sign-in/provider?next=/pipeline%3Fpage%3D2" in asked.text

    with structlog.testing.capture_logs() as logs:
        reply = sign_in(client, provider, "/pipeline?page=2")

    assert (reply.status_code, reply.headers["location"]) == (303, "/pipeline?page=2")
    page = client.get("/pipeline", headers=PAGE)
    assert page.status_code == 200
    assert "ada@example.org, read" in page.text
    assert client.get("/metrics").status_code == 403
    assert {"event": "signed in", "caller": "ada@example.org", "known_as": "ada@example.org"}.items() <= logs[
        0
    ].items()


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"aud": "another-client"},
        {"aud": "another-client", "azp": CLIENT_ID},
        {"aud": None},
        {"iss": "https://accounts.example.com"},
        {"iss": None},
        {"exp": 1_700_000_000},
        {"exp": None},
        {"sub": None},
    ],
    ids=str,
)
def test_claims_that_are_not_for_this_gateway_are_refused(
    client: TestClient, provider: IdentityProvider, lie: dict[str, Any]
) -> None:
    provider.lie = lie

    with structlog.testing.capture_logs() as logs:
        reply = sign_in(client, provider)

    assert reply.status_code == 401
    assert "viral_session" not in client.cookies
    assert client.get("/pipeline", headers=PAGE).status_code == 401
    assert logs[0]["event"] == "sign-in refused"


@pytest.mark.parametrize("forged", ["leave_unsigned", "sign_by_another_key", "sign_by_the_clients_secret"])
def test_a_token_that_the_provider_did_not_sign_is_refused(
    client: TestClient, provider: IdentityProvider, forged: str
) -> None:
    provider.sign = getattr(provider, forged)

    assert sign_in(client, provider).status_code == 401
    assert "viral_session" not in client.cookies


def test_a_state_is_good_once_even_with_the_same_cookie(
    client: TestClient, provider: IdentityProvider
) -> None:
    sent = client.get("/sign-in/provider")
    cookie = client.cookies["viral_sign_in"]
    back = provider.authorize(sent.headers["location"])

    first = client.get(back)
    again = client.get(back, headers={"Cookie": f"viral_sign_in={cookie}"})

    assert (first.status_code, again.status_code) == (303, 401)
    assert "viral_session" not in again.headers.get("set-cookie", "")


def test_a_state_of_another_browser_is_refused(
    client: TestClient, fake_gateway: FakeGateway, provider: IdentityProvider
) -> None:
    attacker = client.get("/sign-in/provider")
    victim = make_client(fake_gateway, provider)
    victim.get("/sign-in/provider")

    reply = victim.get(provider.authorize(attacker.headers["location"]))

    assert reply.status_code == 401
    assert "viral_session" not in victim.cookies


@pytest.mark.parametrize(
    "query", ["", "state=x&code=y", "error=access_denied&error_description=%0Aforged", "state=x&state=y"]
)
def test_a_callback_that_nobody_asked_for_is_refused(client: TestClient, query: str) -> None:
    assert client.get(f"/sign-in/callback?{query}").status_code == 401


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_the_way_back_does_not_leave_the_gateway(
    client: TestClient, provider: IdentityProvider, target: str
) -> None:
    assert sign_in(client, provider, target).headers["location"] == "/"


@pytest.mark.parametrize(
    ("person", "opened"),
    [
        ({"email": "ada@example.org", "email_verified": False}, 403),
        ({"email": "ada@example.org"}, 403),
        ({"email": "eve@example.org", "email_verified": True}, 403),
        ({"groups": ["analysts"]}, 303),
        ({"groups": ["me@ops.org"]}, 403),
        ({"groups": "ops"}, 403),
        ({"groups": [{"name": "ops"}]}, 403),
    ],
    ids=str,
)
def test_roles_go_by_verified_addresses_and_groups(
    client: TestClient, provider: IdentityProvider, person: dict[str, Any], opened: int
) -> None:
    provider.person = person

    assert sign_in(client, provider).status_code == opened


def test_the_highest_of_a_persons_roles_counts(client: TestClient, provider: IdentityProvider) -> None:
    provider.person = {"groups": ["analysts", "ops"], "email": "ada@example.org", "email_verified": True}
    sign_in(client, provider)

    assert client.get("/metrics").status_code == 200


def test_whoever_is_taken_off_the_list_is_out_at_the_next_request(
    client: TestClient, fake_gateway: FakeGateway, provider: IdentityProvider
) -> None:
    sign_in(client, provider)
    session = client.cookies["viral_session"]
    later = make_client(fake_gateway, provider, roles="ops=admin")

    assert client.get("/pipeline").status_code == 200
    assert later.get("/pipeline", headers={"Cookie": f"viral_session={session}"}).status_code == 401


def test_a_name_cannot_forge_a_line_of_the_log(client: TestClient, provider: IdentityProvider) -> None:
    provider.person = {"sub": "a\nb<script>" + "x" * 999, "groups": ["ops"]}

    with structlog.testing.capture_logs() as logs:
        sign_in(client, provider)

    assert logs[0]["caller"] == ("a?b?script?" + "x" * 99)[:64]


def test_a_provider_that_calls_itself_otherwise_is_refused(
    client: TestClient, provider: IdentityProvider
) -> None:
    provider.issuer = "https://accounts.example.com"

    reply = client.get("/sign-in/provider")

    assert reply.status_code == 401
    assert "location" not in reply.headers


def test_a_provider_that_is_away_is_told_as_such(fake_gateway: FakeGateway) -> None:
    away = make_client(fake_gateway, IdentityProvider("http://127.0.0.1:1"))

    reply = away.get("/sign-in/provider")

    assert reply.status_code == 503
    assert "does not answer" in reply.text


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ({"oidc_issuer": "http://accounts.example.com"}, "https://"),
        ({"oidc_client_id": ""}, "VIRAL_OIDC_CLIENT_ID"),
        ({"oidc_client_secret": ""}, "VIRAL_OIDC_CLIENT_SECRET"),
        ({"oidc_roles": ""}, "VIRAL_OIDC_ROLES"),
        ({"oidc_roles": "ada@example.org"}, "WHO=ROLE"),
        ({"oidc_roles": "ada@example.org=owner"}, "WHO=ROLE"),
    ],
    ids=str,
)
def test_half_a_configuration_is_refused_at_the_start(settings: dict[str, str], reason: str) -> None:
    whole = {
        "oidc_issuer": "https://accounts.example.com",
        "oidc_client_id": CLIENT_ID,
        "oidc_client_secret": CLIENT_SECRET,
        "oidc_roles": ROLES,
    }

    with pytest.raises(ValidationError, match=reason):
        make_settings(**whole | settings)
