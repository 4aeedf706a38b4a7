"""Each key of the file opens what its role says, as long as the file has it."""

from __future__ import annotations

import os
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import structlog
from pydantic import ValidationError
from starlette.testclient import TestClient
from viral_gateway.app import create_app
from viral_gateway.keys_file import ROLES, Role, add_key, make_digest, read_keys
from viral_gateway.serving.champion import Refusal

from tests.unit.gateway.fakes import NOON, FakeGateway, make_settings

ASK = {"tweets": [{"text": "hi"}]}
OPEN = ["/health/live", "/health/ready", "/static/style.css", "/swagger/swagger-ui.css"]
PAGES: dict[str, Role] = {
    "/": "predict",
    "/drafts": "predict",
    "/v1/model": "read",
    "/v1/models": "read",
    "/v1/batches": "read",
    "/pipeline": "read",
    "/docs": "read",
    "/openapi.json": "read",
    "/nowhere": "read",
    "/metrics": "admin",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def keys(file: Path) -> dict[Role, str]:
    """One of each role."""
    return {role: add_key(file, f"a-{role}", role, None)[0] for role in ROLES}


@pytest.fixture
def client(fake_gateway: FakeGateway, file: Path, keys: dict[Role, str]) -> TestClient:
    fake_gateway.serve()
    fake_gateway.settings["api_keys_file"] = file
    return TestClient(create_app(fake_gateway.build()))


def ask(client: TestClient, path: str, key: str | None, **headers: str) -> int:
    return client.get(path, headers={"X-API-Key": key or "", **headers}).status_code


@pytest.mark.parametrize(("path", "needed"), PAGES.items())
@pytest.mark.parametrize("role", ROLES)
def test_a_role_opens_its_addresses_and_no_others(
    client: TestClient, keys: dict[Role, str], path: str, needed: Role, role: Role
) -> None:
    allowed = ROLES.index(role) >= ROLES.index(needed)

    status = ask(client, path, keys[role])

    assert status == (404 if path == "/nowhere" and allowed else 200 if allowed else 403)


@pytest.mark.parametrize(
    "path", [*PAGES, "//metrics", "/Metrics", "/metrics/", "/v1//model", "/%2e/pipeline"]
)
def test_without_a_key_nothing_opens(client: TestClient, path: str) -> None:
    assert ask(client, path, None) == 401


@pytest.mark.parametrize("role", ROLES)
def test_every_role_predicts(client: TestClient, keys: dict[Role, str], role: Role) -> None:
    headers = {"X-API-Key": keys[role]}
    assert client.post("/v1/predictions", json=ASK, headers=headers).status_code == 200
    assert client.post("/v1/rankings", json={"drafts": ["a", "b"]}, headers=headers).status_code == 200


@pytest.mark.parametrize("path", OPEN)
def test_what_stays_open(client: TestClient, path: str) -> None:
    assert client.get(path).status_code == 200


def test_who_may_not_is_told_what_is_missing(client: TestClient, keys: dict[Role, str]) -> None:
    reply = client.get("/v1/models", headers={"X-API-Key": keys["predict"]})
    page = client.get("/pipeline", headers={"X-API-Key": keys["predict"], "Accept": "text/html"})

    assert reply.headers["content-type"] == "application/problem+json"
    assert reply.json()["detail"] == "The key's role is predict; this address asks for read."
    assert page.status_code == 403
    assert "asks for read" in page.text


def test_why_an_artefact_was_refused_and_who_did_what_is_for_admins(
    client: TestClient, fake_gateway: FakeGateway, keys: dict[Role, str]
) -> None:
    fake_gateway.holder.refused = Refusal(4, 4, "/data/artefact: damaged", NOON)
    pages = {
        role: client.get("/pipeline", headers={"X-API-Key": keys[role]}).text for role in ("read", "admin")
    }

    assert ("damaged" in pages["read"], "damaged" in pages["admin"]) == (False, True)
    assert ("Done by hand" in pages["read"], "Done by hand" in pages["admin"]) == (False, True)
    assert client.get("/health/ready").json()["refused"] is None


def test_a_key_works_from_the_moment_its_line_is_there_and_no_longer(client: TestClient, file: Path) -> None:
    text, _ = add_key(file, "late", "predict", None)
    added = ask(client, "/", text)

    file.write_text(file.read_text().replace("late predict", "late read"))
    raised = ask(client, "/pipeline", text)
    file.write_text("# nobody\n")

    assert (added, raised, ask(client, "/", text)) == (200, 200, 401)


def test_a_key_is_over_after_its_last_day(client: TestClient, file: Path) -> None:
    today = datetime.now(UTC).date()
    last, _ = add_key(file, "last", "read", today)
    over, _ = add_key(file, "over", "read", today - timedelta(days=1))
    far, _ = add_key(file, "far", "read", date.max)

    assert [ask(client, "/", key) for key in (last, over, far)] == [200, 401, 200]


@pytest.mark.parametrize("broken", ["ada read\n", "ada owner " + "0" * 64 + " -\n", "\xff", None])
def test_a_broken_file_changes_nothing_and_is_logged_once(
    client: TestClient, file: Path, keys: dict[Role, str], broken: str | None
) -> None:
    ask(client, "/", keys["read"])
    file.write_bytes(broken.encode("latin-1")) if broken else file.unlink()

    with structlog.testing.capture_logs() as logs:
        statuses = [ask(client, "/", keys["read"]) for _ in range(3)]

    assert statuses == [200] * 3
    (line,) = [entry for entry in logs if entry["event"].startswith("keys file not taken up")]
    assert str(file) in line["reason"]


LINE = f"ada read {'0' * 64} -"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ada read\n", "line 1: a line has four fields"),
        (f"# keys\n\n{LINE}\nada predict {'1' * 64} -\n", "line 4: there is a key named ada"),
        (LINE.replace("read", "root"), "a role is one of predict, read, admin"),
        (LINE.replace("0" * 64, "0" * 63), "SHA-256"),
        (LINE.replace(" -", " tomorrow"), "line 1: Invalid isoformat"),
        (LINE.replace("ada", 'a"b'), "a name has"),
    ],
)
def test_a_wrong_line_is_named_at_the_start(file: Path, text: str, reason: str) -> None:
    file.write_text(text)

    with pytest.raises(ValidationError, match=reason):
        make_settings(api_keys_file=file)


def test_a_file_that_others_could_write_is_refused(file: Path) -> None:
    file.write_text(f"{LINE}\n")
    file.chmod(0o666)

    with pytest.raises(ValidationError, match="chmod go-w"):
        make_settings(api_keys_file=file)


def test_a_missing_file_is_named_at_the_start(file: Path) -> None:
    with pytest.raises(ValidationError, match="cannot be read: No such file"):
        make_settings(api_keys_file=file)


def test_a_file_without_a_key_lets_nobody_in(fake_gateway: FakeGateway, file: Path) -> None:
    file.write_text("# none yet\n")
    fake_gateway.settings["api_keys_file"] = file

    assert TestClient(create_app(fake_gateway.build())).get("/v1/model").status_code == 401


def test_comments_stand_beside_keys(file: Path) -> None:
    file.write_text(f"# ours\n{LINE}  # the dashboard\n")

    assert [key.name for key in read_keys(file)] == ["ada"]


def test_names_are_in_logs_metrics_and_limits(fake_gateway: FakeGateway, file: Path) -> None:
    fake_gateway.settings |= {"api_keys_file": file, "rate_limit": 2}
    fake_gateway.serve()
    one, other, admin = (add_key(file, name, "admin", None)[0] for name in ("one", "other", "boss"))
    client = TestClient(create_app(fake_gateway.build()))
    bound = []
    records = fake_gateway.records
    records.read_models = lambda *_: bound.append(structlog.contextvars.get_contextvars()["caller"]) or []  # type: ignore

    statuses = [ask(client, "/v1/models", key) for key in (one, one, one, other)]

    assert statuses == [200, 200, 429, 200]
    assert bound == ["one", "one", "other"]
    metrics = client.get("/metrics", headers={"X-API-Key": admin}).text
    assert 'viral_gateway_key_requests_total{key="other"} 1.0' in metrics
    assert one not in metrics


def test_the_keys_of_the_list_open_everything_beside_those_of_the_file(
    fake_gateway: FakeGateway, file: Path, keys: dict[Role, str]
) -> None:
    fake_gateway.settings |= {"api_keys_file": file, "api_keys": "a-key-of-the-list-of-old"}
    client = TestClient(create_app(fake_gateway.build()))

    assert ask(client, "/metrics", "a-key-of-the-list-of-old") == 200
    assert ask(client, "/metrics", keys["admin"]) == 200
    assert ask(client, "/metrics", keys["read"]) == 403


def test_the_digest_is_no_key(client: TestClient, keys: dict[Role, str]) -> None:
    digest = make_digest(keys["admin"]).hex()

    assert ask(client, "/", digest) == 401


def test_a_replaced_file_is_taken_up(client: TestClient, file: Path, keys: dict[Role, str]) -> None:
    other = file.with_name("other")
    text, _ = add_key(other, "new", "read", None)
    os.utime(other, (0, 0))
    other.replace(file)

    assert (ask(client, "/", text), ask(client, "/", keys["read"])) == (200, 401)
