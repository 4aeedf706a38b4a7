"""The servers alone, for services on other hosts."""

from __future__ import annotations

import socket
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from viral_common.errors import UsageError
from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.settings import LocalSettings
from viral_local.stack.plan import Plan
from viral_local.stack.plan_store import load_plan, make_plan
from viral_local.stack.stack import Stack

# Every machine's, and not the usual loopback.
OTHER = "127.0.0.2"


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    settings = LocalSettings(bind_address=IPv4Address(OTHER), cert_hosts="10.0.0.7 gateway.example.org")
    return make_plan(Home(tmp_path), settings, None, any_ports=True, only_servers=True)


def test_what_others_are_told_names_the_address_and_is_encrypted(plan: Plan) -> None:
    ports = plan.ports

    assert plan.make_addresses() == {
        "VIRAL_DATABASE_URL": f"postgresql://{OTHER}:{ports['postgres']}/viral?sslmode=verify-full",
        "VIRAL_RABBITMQ_URL": f"amqps://{OTHER}:{ports['rabbitmq']}/%2F",
        "VIRAL_MLFLOW_URL": f"https://{OTHER}:{ports['mlflow']}",
    }


def test_who_prepares_them_asks_on_loopback(plan: Plan) -> None:
    assert "@127.0.0.1:" in plan.admin_url
    assert plan.console_url.startswith("http://127.0.0.1:")
    assert "host=127.0.0.1&" in plan.mlflow_database_url


def test_all_is_remembered_for_the_next_start(plan: Plan) -> None:
    assert load_plan(plan.home) == plan

    again = make_plan(plan.home, LocalSettings(), None, any_ports=False, only_servers=True)

    assert replace(again, ports=plan.ports) == plan


def test_a_port_that_others_know_is_not_changed(plan: Plan) -> None:
    with (
        socket.create_server((OTHER, plan.ports["postgres"])),
        pytest.raises(
            StackError, match=f"somebody else listens on {plan.ports['postgres']}, which other hosts know"
        ),
    ):
        make_plan(plan.home, LocalSettings(), None, any_ports=False, only_servers=True)


def test_a_whole_stack_stays_on_loopback(tmp_path: Path) -> None:
    settings = LocalSettings(bind_address=IPv4Address(OTHER))

    assert make_plan(Home(tmp_path), settings, None, any_ports=True).addresses == ["127.0.0.1"]


@pytest.mark.parametrize("address", ["0.0.0.0", "192.0.2.77"])
def test_an_address_that_is_not_this_hosts_is_refused(tmp_path: Path, address: str) -> None:
    settings = LocalSettings(bind_address=IPv4Address(address))

    with pytest.raises(UsageError, match=f"{address} is no address of this host"):
        make_plan(Home(tmp_path), settings, None, any_ports=True, only_servers=True)


def test_plain_connections_to_others_are_refused(tmp_path: Path) -> None:
    settings = LocalSettings(bind_address=IPv4Address(OTHER), tls=False)

    with pytest.raises(UsageError, match="always encrypted"):
        make_plan(Home(tmp_path), settings, None, any_ports=True, only_servers=True)


def test_neither_kind_is_started_over_the_other(plan: Plan, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="here only the servers run: stop it first"):
        Stack(LocalSettings(data_dir=tmp_path))._check_kind(plan)

    elsewhere = LocalSettings(data_dir=tmp_path, bind_address=IPv4Address("127.0.0.3"))
    with pytest.raises(UsageError, match=f"listen on {OTHER}: stop them first with `viral servers stop`"):
        Stack(elsewhere, only_servers=True)._check_kind(plan)
