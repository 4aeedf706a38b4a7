"""Which servers a stack starts itself, and what it remembers."""

from __future__ import annotations

from pathlib import Path

import pytest
from viral_local.home import Home
from viral_local.ports import PREFERRED
from viral_local.settings import LocalSettings
from viral_local.stack.plan import Given, Plan
from viral_local.stack.plan_store import load_plan, make_plan


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def plan(home: Home, **given: str) -> Plan:
    made = Plan(home, Given(**given), dict(PREFERRED), {})
    made.secrets.make()
    return made


def test_a_given_server_is_used_as_it_is(home: Home) -> None:
    made = plan(home, database_url="postgresql://me:pw@db/tweets", mlflow_url="http://ml:5000")

    assert made.make_service_settings()["VIRAL_DATABASE_URL"] == "postgresql://me:pw@db/tweets"
    assert made.make_service_settings()["VIRAL_MLFLOW_URL"] == "http://ml:5000"
    assert not made.own_postgres
    assert not made.own_mlflow


def test_secrets_are_made_once_and_stand_in_no_environment(home: Home) -> None:
    made = make_plan(home, LocalSettings(), None, any_ports=True)

    secrets = {path: path.read_text().strip() for path in made.secrets.root.rglob("viral_*")}
    for program in [*made.make_servers(), *made.make_services()]:
        told = " ".join([*program.command, *program.env.values()])
        assert [path for path, secret in secrets.items() if secret in told] == []
    assert len(made.secrets.read("scraper", "viral_forget_key")) >= 32
    make_plan(home, LocalSettings(), None, any_ports=True)
    assert {path: path.read_text().strip() for path in secrets} == secrets


def test_each_account_has_a_password_of_its_own(home: Home) -> None:
    secrets = make_plan(home, LocalSettings(), None, any_ports=True).secrets

    # MLflow makes its administrator by itself.
    copied = secrets.root / "mlflow" / "viral_mlflow_password"
    made = [path.read_text() for path in secrets.root.rglob("viral_*") if path != copied]

    assert len(set(made)) == len(made) > 20


def test_secrets_may_be_kept_elsewhere(home: Home, tmp_path: Path) -> None:
    made = make_plan(home, LocalSettings(secrets_dir=tmp_path / "kept"), None, any_ports=True)

    assert made.make_service_settings()["VIRAL_SECRETS_DIR"] == str(tmp_path / "kept")
    assert (tmp_path / "kept" / "gateway" / "viral_database_password").is_file()


def test_in_a_given_postgres_mlflow_keeps_to_its_own_schema(home: Home) -> None:
    made = plan(home, database_url="postgresql://me:pw@db/tweets")

    assert made.mlflow_database_url.endswith("&options=-csearch_path%3Dmlflow")


def test_the_console_of_a_given_rabbitmq_is_where_it_usually_is(home: Home) -> None:
    assert plan(home, rabbitmq_url="amqp://me:pw@broker:5672/").console_url == "http://broker:15672"


def test_a_running_stack_keeps_to_what_it_was_started_with(home: Home) -> None:
    started = make_plan(
        home, LocalSettings(mlflow_url="http://ml:5000"), {"VIRAL_SOURCE": "archive"}, any_ports=True
    )

    assert load_plan(home) == started


def test_the_next_start_remembers_ports_and_choices(home: Home) -> None:
    first = make_plan(home, LocalSettings(), {"VIRAL_SOURCE": "archive"}, any_ports=True)

    second = make_plan(home, LocalSettings(), None, any_ports=True)

    assert (second.ports, second.choices) == (first.ports, first.choices)


def test_what_the_environment_says_now_goes_before_what_is_remembered(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plan(home, LocalSettings(), {"VIRAL_SOURCE": "archive"}, any_ports=True)
    monkeypatch.setenv("VIRAL_SOURCE", "simulated")

    assert make_plan(home, LocalSettings(), None, any_ports=True).choices == {}


def test_so_does_a_source_in_the_file_of_settings(home: Home) -> None:
    make_plan(
        home, LocalSettings(), {"VIRAL_SOURCE": "simulated", "VIRAL_BATCH_SIZE": "6000"}, any_ports=True
    )

    assert make_plan(home, LocalSettings(source="archive"), None, any_ports=True).choices == {}


def test_a_gateway_port_asked_for_goes_before_the_one_it_had(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_plan(home, LocalSettings(), None, any_ports=True)
    monkeypatch.setenv("VIRAL_GATEWAY_PORT", "18765")

    assert make_plan(home, LocalSettings(), None, any_ports=True).ports["gateway"] in range(18765, 18775)
