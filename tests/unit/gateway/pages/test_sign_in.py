"""A key typed into the form becomes a session, which is worth what the key is worth now."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
import structlog
from itsdangerous import URLSafeTimedSerializer
from starlette.testclient import TestClient
from viral_gateway.app import create_app
from viral_gateway.keys_file import add_key, remove_key
from viral_gateway.middleware import access
from viral_gateway.pages.routes.sign_in import choose_target

from tests.unit.gateway.fakes import FakeGateway

PAGE = {"Accept": "text/html,*/*"}
LOCAL = "http://127.0.0.1:8000"


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def key(keys: Path) -> str:
    """Ada's, who may read."""
    return add_key(keys, "ada", "read", None)[0]


def make_client(fake_gateway: FakeGateway, keys: Path, base_url: str = LOCAL) -> TestClient:
    fake_gateway.serve()
    fake_gateway.settings["api_keys_file"] = keys
    return TestClient(create_app(fake_gateway.build()), base_url, follow_redirects=False)


@pytest.fixture
def client(fake_gateway: FakeGateway, keys: Path, key: str) -> TestClient:
    return make_client(fake_gateway, keys)


def test_a_browser_is_shown_the_form_in_place_of_the_page_and_then_the_page(
    client: TestClient, key: str
) -> None:
    asked = client.get("/pipeline?page=1", headers=PAGE)
    signed_in = client.post("/sign-in", data={"key": key, "next": "/pipeline?page=1"})

    assert asked.status_code == 401
    assert 'name="next" value="/pipeline?page=1"' in asked.text
    assert asked.headers.get_list("www-authenticate") == ['Bearer realm="viral-tweets"']
    assert asked.headers["cache-control"] == "no-store"
    assert (signed_in.status_code, signed_in.headers["location"]) == (303, "/pipeline?page=1")
    page = client.get("/pipeline?page=1", headers=PAGE)
    assert page.status_code == 200
    assert "ada, read" in page.text
    assert client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]}).status_code == 200


def test_the_form_shows_nothing_of_the_model(client: TestClient, fake_gateway: FakeGateway) -> None:
    page = client.get("/", headers=PAGE)

    assert page.status_code == 401
    assert "ersion" not in page.text
    assert "takeover.js" not in page.text


@pytest.mark.parametrize(
    ("base_url", "secure"), [(LOCAL, False), ("http://viral.example.org", True), ("https://127.0.0.1", True)]
)
def test_no_script_and_no_other_site_gets_the_cookie(
    fake_gateway: FakeGateway, keys: Path, key: str, base_url: str, secure: bool
) -> None:
    reply = make_client(fake_gateway, keys, base_url).post("/sign-in", data={"key": key})

    cookie = reply.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert "Max-Age=43200" in cookie
    assert ("Secure" in cookie) is secure
    assert key not in cookie


def test_a_retired_key_takes_its_sessions_along(client: TestClient, keys: Path, key: str) -> None:
    client.post("/sign-in", data={"key": key})
    before = client.get("/pipeline").status_code

    remove_key(keys, "ada")

    assert (before, client.get("/pipeline").status_code) == (200, 401)


def test_a_session_ends(client: TestClient, key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    client.post("/sign-in", data={"key": key})
    monkeypatch.setattr(access, "SESSION_S", -1)

    assert client.get("/pipeline").status_code == 401


@pytest.mark.parametrize("forged", ["x", "{cookie}x", "null", "eyJrZXkiOiJ4In0.aaaa.bbbb"])
def test_a_cookie_that_was_not_signed_here_opens_nothing(client: TestClient, key: str, forged: str) -> None:
    client.post("/sign-in", data={"key": key})
    cookie = forged.format(cookie=client.cookies["viral_session"])
    client.cookies.clear()

    assert client.get("/pipeline", headers={"Cookie": f"viral_session={cookie}"}).status_code == 401


@pytest.mark.parametrize(("secret", "salt"), [("another" * 5, "viral-gateway"), ("{own}", "another")])
def test_a_cookie_by_another_key_or_for_another_use_opens_nothing(
    client: TestClient, fake_gateway: FakeGateway, key: str, secret: str, salt: str
) -> None:
    own = fake_gateway.build().settings.session_key
    assert own is not None
    signer = URLSafeTimedSerializer(
        secret.format(own=own.get_secret_value()), salt, signer_kwargs={"digest_method": hashlib.sha256}
    )
    cookie = signer.dumps({"key": hashlib.sha256(key.encode()).hexdigest()})

    assert client.get("/pipeline", headers={"Cookie": f"viral_session={cookie}"}).status_code == 401


def test_a_cookie_of_the_way_to_a_provider_is_no_session(client: TestClient) -> None:
    flow = client.app.state.access._cookies.dumps({"flow": {}, "next": "/"})  # type: ignore[attr-defined]

    assert client.get("/pipeline", headers={"Cookie": f"viral_session={flow}"}).status_code == 401


def test_signing_out_ends_it_in_this_browser(client: TestClient, key: str) -> None:
    client.post("/sign-in", data={"key": key})

    reply = client.post("/sign-out")

    assert (reply.status_code, reply.headers["location"]) == (303, "/sign-in")
    assert client.get("/pipeline").status_code == 401


def test_a_wrong_key_is_told_logged_and_slowed_down(client: TestClient, key: str) -> None:
    with structlog.testing.capture_logs() as logs:
        replies = [client.post("/sign-in", data={"key": f"guess {n}", "next": "/docs"}) for n in range(31)]

    assert [reply.status_code for reply in replies] == [401] * 30 + [429]
    assert "no key of this gateway" in replies[0].text
    assert 'value="/docs"' in replies[0].text
    assert "guess" not in replies[0].text
    assert len([entry for entry in logs if entry["event"] == "key refused"]) == 30
    assert "guess" not in str(logs)
    assert client.post("/sign-in", data={"key": key}).status_code == 303


@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9000"},
    ],
)
def test_another_sites_page_can_neither_sign_in_nor_out_nor_ask_in_somebodys_name(
    client: TestClient, key: str, headers: dict[str, str]
) -> None:
    refused = client.post("/sign-in", data={"key": key}, headers=headers)
    client.post("/sign-in", data={"key": key})

    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert client.post("/sign-out", headers=headers).status_code == 403
    assert client.post("/", data={"text": "hi"}, headers=headers).status_code == 403
    assert (
        client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]}, headers=headers).status_code == 403
    )
    assert client.get("/pipeline").status_code == 200


def test_a_wrong_key_is_not_made_good_by_a_session(client: TestClient, key: str) -> None:
    client.post("/sign-in", data={"key": key})

    assert client.get("/pipeline", headers={"X-API-Key": "x" * 30}).status_code == 401


@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/",
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "javascript:alert(1)",
        "evil.example",
        "",
        " /pipeline",
        "/a\\b",
        "/ünïcode",
    ],
)
def test_after_signing_in_nobody_leaves_the_gateway(client: TestClient, key: str, target: str) -> None:
    reply = client.post("/sign-in", data={"key": key, "next": target})

    assert reply.headers["location"] == "/"


@pytest.mark.parametrize("target", ["/", "/pipeline?page=2", "/docs#/predictions", "/a//b?next=https://x"])
def test_a_path_of_its_own_is_kept(target: str) -> None:
    assert choose_target(target) == target


def test_workers_of_one_data_directory_share_what_cookies_are_signed_with(
    fake_gateway: FakeGateway, keys: Path, key: str, tmp_path: Path
) -> None:
    fake_gateway.settings |= {"session_key": None, "data_dir": tmp_path}
    first, second = make_client(fake_gateway, keys), make_client(fake_gateway, keys)
    first.post("/sign-in", data={"key": key})

    session = {"Cookie": f"viral_session={first.cookies['viral_session']}"}

    assert second.get("/pipeline", headers=session).status_code == 200
    kept = tmp_path / "gateway" / "session-key"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(kept.read_text()) == 64
    assert list(kept.parent.iterdir()) == [kept]


def test_where_no_key_is_asked_for_there_is_nothing_to_sign_in_to(fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    client = TestClient(create_app(fake_gateway.build()))

    assert client.get("/sign-in").status_code == 404
    assert "Sign in" not in client.get("/", headers=PAGE).text
