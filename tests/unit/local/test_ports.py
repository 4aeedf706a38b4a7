"""Which ports a stack gets."""

from __future__ import annotations

import socket

import pytest
from viral_local.errors import StackError
from viral_local.ports import LOOPBACK, choose_ports, is_free, pick_free_ports


def test_preferred_ports_are_taken_when_they_are_free() -> None:
    chosen = choose_ports(kept={}, preferred={"gateway": 8000, "mlflow": 5000}, free=lambda _: True)

    assert chosen == {"gateway": 8000, "mlflow": 5000}


def test_a_taken_port_moves_to_the_next_free_one() -> None:
    chosen = choose_ports(kept={}, preferred={"gateway": 8000}, free=lambda port: port not in (8000, 8001))

    assert chosen == {"gateway": 8002}


def test_two_programs_never_share_a_port() -> None:
    chosen = choose_ports(
        kept={}, preferred={"gateway": 8000, "scraper": 8001}, free=lambda port: port != 8000
    )

    assert chosen == {"gateway": 8001, "scraper": 8002}


def test_a_port_is_kept_across_restarts_while_it_is_free() -> None:
    chosen = choose_ports(kept={"gateway": 8007}, preferred={"gateway": 8000}, free=lambda _: True)

    assert chosen == {"gateway": 8007}


def test_a_kept_port_that_somebody_took_is_given_up() -> None:
    chosen = choose_ports(kept={"gateway": 8007}, preferred={"gateway": 8000}, free=lambda port: port != 8007)

    assert chosen == {"gateway": 8000}


def test_no_free_port_is_said_in_one_line() -> None:
    with pytest.raises(StackError, match="no free port for gateway"):
        choose_ports(kept={}, preferred={"gateway": 8000}, free=lambda _: False)


def test_a_port_somebody_listens_on_is_not_free() -> None:
    with socket.create_server((LOOPBACK, 0)) as server:
        taken = server.getsockname()[1]

        assert not is_free(taken)
    assert is_free(taken)


def test_ports_for_tests_differ_from_each_other() -> None:
    ports = pick_free_ports(["a", "b", "c"])

    assert len(set(ports.values())) == 3
