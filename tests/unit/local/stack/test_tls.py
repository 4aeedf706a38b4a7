"""A stack with TLS says so in every address, and stays with it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from viral_common.errors import UsageError
from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.process.supervisor import Supervisor
from viral_local.servers import postgres, rabbitmq
from viral_local.settings import LocalSettings
from viral_local.stack.plan import Plan
from viral_local.stack.plan_store import make_plan
from viral_local.stack.stack import Stack


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    home = Home(tmp_path)
    home.make()
    yield home
    shutil.rmtree(home.owner.data_dir, ignore_errors=True)


def started(home: Home, tls: bool | None) -> Plan:
    return make_plan(home, LocalSettings(tls=tls), None, any_ports=True)


def test_every_address_is_encrypted_and_names_the_stacks_own_authority(home: Home) -> None:
    plan = started(home, tls=True)
    authority = home.tls_dir / "trust" / "ca.crt"

    told = plan.make_service_settings()
    assert told["VIRAL_DATABASE_URL"].endswith("/viral?sslmode=verify-full")
    assert told["VIRAL_RABBITMQ_URL"].startswith("amqps://")
    assert told["VIRAL_MLFLOW_URL"].startswith("https://")
    assert told["VIRAL_CA_FILE"] == str(authority)
    assert plan.gateway_url.startswith("https://")
    for url in (plan.owner_url, plan.admin_url, plan.rabbitmq_url, plan.mlflow_login_url):
        assert url.endswith(f"={authority}")


def test_without_tls_nothing_of_it_is_said(home: Home) -> None:
    plan = started(home, tls=None)

    assert "VIRAL_CA_FILE" not in plan.make_service_settings()
    assert not home.has_tls
    assert plan.gateway_url.startswith("http://")


def test_the_next_start_stays_with_it_unless_told_otherwise(home: Home) -> None:
    started(home, tls=True)

    assert started(home, tls=None).home.has_tls
    assert not started(home, tls=False).home.has_tls


def test_a_running_stack_is_not_changed_under_its_services(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    started(home, tls=True)
    (home.stack_file).write_text("{}")
    monkeypatch.setattr(Supervisor, "find_pid", lambda _: 1)

    with pytest.raises(UsageError, match="runs with TLS: stop it first with `viral down`"):
        Stack(LocalSettings(data_dir=home.root, tls=False)).up()


def test_without_an_installed_postgres_one_line_says_what_to_do(
    home: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    plan = started(home, tls=True)
    monkeypatch.setattr(postgres, "INSTALLED", tmp_path / "none")

    with pytest.raises(StackError, match=r"`apt-get install postgresql`, or start without VIRAL_TLS$"):
        postgres.make_program(home, plan.ports["postgres"])


def test_the_broker_listens_for_encrypted_connections_alone(home: Home) -> None:
    plan = started(home, tls=True)

    rabbitmq.configure(home, plan.ports, "password")

    written = (home.owner.data_dir / "rabbitmq" / "rabbitmq.conf").read_text()
    assert "listeners.tcp = none\n" in written
    assert f"listeners.ssl.1 = 127.0.0.1:{plan.ports['rabbitmq']}\n" in written
    assert "listeners.tcp.1" not in written
