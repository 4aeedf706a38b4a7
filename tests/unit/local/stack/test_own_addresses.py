"""The stack's own addresses, told from those of other people's servers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from viral_local.home import Home
from viral_local.settings import LocalSettings
from viral_local.stack.plan import Given, Plan
from viral_local.stack.plan_store import make_plan, save_plan

LINK = "https://console.example.org"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def started(home: Home, **given: str | None) -> Plan:
    return make_plan(home, LocalSettings.model_validate(given), None, any_ports=True)


def in_stack_env(plan: Plan) -> dict[str, str]:
    """As settings of a shell that has read the file."""
    told = {
        name.removeprefix("VIRAL_").lower(): value for name, value in plan.make_service_settings().items()
    }
    return {name: told[name] for name in Given.model_fields if name in told}


def test_the_private_brokers_password_goes_to_the_private_broker_only(home: Home) -> None:
    plan = started(home, rabbitmq_console_url=LINK)

    assert plan.console_url == f"http://127.0.0.1:{plan.ports['console']}"
    assert plan.make_service_settings()["VIRAL_RABBITMQ_CONSOLE_URL"] == LINK


def test_a_given_broker_is_asked_at_the_console_that_is_given_with_it(home: Home) -> None:
    plan = started(home, rabbitmq_url="amqp://me:pw@broker/", rabbitmq_console_url=LINK)

    assert plan.console_url == LINK


def test_a_shell_that_has_read_the_stacks_addresses_starts_the_same_stack_again(home: Home) -> None:
    first = started(home)

    second = started(home, **in_stack_env(first))
    third = started(home, **in_stack_env(first))

    assert first == second == third
    assert third.given == Given()


def test_so_it_does_where_a_server_is_given(home: Home) -> None:
    first = started(home, mlflow_url="http://ml:5000", rabbitmq_console_url=LINK)

    second = started(home, **in_stack_env(first))

    assert second.given == first.given


def test_a_shell_that_names_the_stacks_own_servers_as_the_operator_does_so_too(home: Home) -> None:
    first = started(home)

    second = started(
        home,
        database_url=first.database_url,
        rabbitmq_url=first.rabbitmq_url,
        mlflow_url=first.mlflow_login_url,
    )

    assert second.given == Given()


def test_another_server_is_somebody_elses(home: Home) -> None:
    first = started(home)
    other = in_stack_env(first)["database_url"].replace("127.0.0.1", "db")

    assert started(home, database_url=other).given.database_url == other


def test_a_server_given_before_stays_given_also_on_a_port_that_would_be_ours(home: Home) -> None:
    plan = started(home)
    save_plan(replace(plan, given=Given(mlflow_url=plan.mlflow_url)))

    assert started(home, mlflow_url=plan.mlflow_url).given.mlflow_url == plan.mlflow_url
