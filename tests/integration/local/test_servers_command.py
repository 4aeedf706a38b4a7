"""`viral servers`, as a person who has servers of their own types it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from typer.testing import CliRunner, Result
from viral_common.addresses import Account, replace_account, split_account
from viral_common.database.engine import connect_to
from viral_local.cli import app
from viral_local.prepare.secret_files import DATABASE, MLFLOW, RABBITMQ
from viral_local.private_files import write_private

from tests.servers import Servers

Prepare = Callable[..., Result]
WORDS = ("Postgres: roles, databases", "RabbitMQ: users", "MLflow: accounts")


@pytest.fixture
def prepare(servers: Servers) -> Prepare:
    """Prepare the tests' own servers with the secrets in a folder."""

    def run(secrets: Path) -> Result:
        return CliRunner().invoke(
            app,
            [
                *("servers", "prepare", "--secrets", str(secrets), "--database-url", servers.admin_url),
                *("--console-url", _ask_as_operator(servers), "--rabbitmq-url", servers.rabbitmq_url),
                *("--mlflow-url", servers.mlflow_url),
            ],
        )

    return run


def _ask_as_operator(servers: Servers) -> str:
    account = Account("operator", servers.secrets.read("operator", RABBITMQ))
    return replace_account(servers.rabbitmq_console_url, account, "")


def test_prepared_servers_stay_as_they_are(servers: Servers, prepare: Prepare) -> None:
    result = prepare(servers.secrets.root)

    assert result.exit_code == 0, result.output
    assert [words for words in WORDS if words not in result.output] == []


def test_a_changed_password_is_taken_up_everywhere(
    servers: Servers, prepare: Prepare, tmp_path: Path
) -> None:
    changed = tmp_path / "secrets"
    shutil.copytree(servers.secrets.root, changed)
    for name in (DATABASE, RABBITMQ, MLFLOW):
        write_private(changed / "gateway" / name, f"changed-{name}")

    def lets_in(password_for: Callable[[str], str]) -> list[bool]:
        """At Postgres, RabbitMQ and MLflow."""
        database = replace_account(servers.admin_url, Account("gateway", password_for(DATABASE)), "/viral")
        try:
            connect_to(database).connect().close()
            postgres = True
        except Exception:  # noqa: BLE001  (any refusal is one)
            postgres = False
        console = servers.rabbitmq_console_url
        whoami = httpx.get(f"{console}/api/whoami", auth=("gateway", password_for(RABBITMQ)))
        mlflow = httpx.get(
            f"{split_account(servers.mlflow_url)[0]}/api/2.0/mlflow/users/current",
            auth=("gateway", password_for(MLFLOW)),
        )
        # The gateway's user may not ask the console: it is known by another refusal than a wrong password's.
        return [postgres, "Login failed" not in whoami.text, mlflow.is_success]

    try:
        assert prepare(changed).exit_code == 0
        assert lets_in(lambda name: f"changed-{name}") == [True, True, True]
        assert lets_in(lambda name: servers.secrets.read("gateway", name))[0] is False
    finally:
        assert prepare(servers.secrets.root).exit_code == 0
    assert lets_in(lambda name: servers.secrets.read("gateway", name)) == [True, True, True]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ([], "no server is named"),
        (["--console-url", "http://127.0.0.1:1"], "both --console-url and --rabbitmq-url"),
        (["--database-url", "postgresql://127.0.0.1:1/postgres"], "Postgres does not answer"),
        (["--mlflow-url", "http://127.0.0.1:1"], "MLflow does not answer at http://127.0.0.1:1"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(servers: Servers, options: list[str], said: str) -> None:
    result = CliRunner().invoke(app, ["servers", "prepare", "--secrets", str(servers.secrets.root), *options])

    assert result.exit_code in (1, 2)
    assert said in result.output
    assert len(result.output.strip().splitlines()) == 1


def test_a_missing_secret_is_named_with_what_makes_it(tmp_path: Path, servers: Servers) -> None:
    bare = urlsplit(servers.admin_url)._replace(netloc=urlsplit(servers.admin_url).netloc.rpartition("@")[2])

    result = CliRunner().invoke(
        app, ["servers", "prepare", "--secrets", str(tmp_path), "--database-url", bare.geturl()]
    )

    assert "postgres/viral_database_password is missing: `viral servers secrets" in result.output


def test_secrets_are_made_once_and_given_to_the_containers_users(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    assert CliRunner().invoke(app, ["servers", "secrets", str(folder)]).exit_code == 0
    made = {path: path.read_bytes() for path in folder.rglob("viral_*")}

    result = CliRunner().invoke(app, ["servers", "secrets", str(folder), "--containers"])

    assert {path: path.read_bytes() for path in folder.rglob("viral_*")} == made
    if os.geteuid() != 0:
        assert "only root may give files to others" in result.output
        return
    owners = {
        account: (folder / account).stat().st_uid for account in ("trainer", "mlflow", "postgres", "operator")
    }
    assert owners == {"trainer": 10001, "mlflow": 10001, "postgres": 999, "operator": 0}
    assert (folder / "trainer" / "viral_signing_key").stat().st_uid == 10001
