"""Two stacks that chose the same ports: only what one's own programs say counts."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.ports import LOOPBACK, PREFERRED, choose_ports, find_taken_port, pick_free_ports
from viral_local.process.supervisor import Supervisor
from viral_local.stack import start
from viral_local.stack.plan import Given, Plan
from viral_local.stack.start import Start


@dataclass
class FakeSupervisor:
    """Knows one program."""

    pid: int
    is_shut_down: bool = False

    def read_states(self) -> dict[str, dict[str, Any]]:
        return {"mlflow": {"pid": self.pid, "statename": "RUNNING"}}

    def shut_down(self) -> None:
        self.is_shut_down = True


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """Of this process."""
    with socket.create_server((LOOPBACK, 0)) as server:
        yield server


@pytest.fixture
def ports(listener: socket.socket) -> dict[str, int]:
    return pick_free_ports(PREFERRED) | {"mlflow": listener.getsockname()[1]}


@pytest.fixture
def sleeper() -> Iterator[int]:
    """The pid of a program that listens nowhere."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process.pid
        process.kill()


def a_start(home: Path, ports: dict[str, int], supervisor: FakeSupervisor) -> Start:
    plan = Plan(Home(home), Given(), ports, {})
    return Start(plan, cast(Supervisor, supervisor), lambda _: nullcontext())


def test_a_port_on_which_the_program_listens_itself_is_not_taken(ports: dict[str, int]) -> None:
    assert find_taken_port("mlflow", os.getpid(), ports) is None


def test_a_port_on_which_somebody_else_answers_is_taken(ports: dict[str, int], sleeper: int) -> None:
    assert find_taken_port("mlflow", sleeper, ports) == ports["mlflow"]


def test_it_is_taken_too_while_the_program_waits_for_its_next_try(ports: dict[str, int]) -> None:
    assert find_taken_port("mlflow", 0, ports) == ports["mlflow"]


def test_a_port_on_which_nobody_answers_yet_is_not_taken(ports: dict[str, int], sleeper: int) -> None:
    assert find_taken_port("trainer", sleeper, ports) is None


def test_each_port_of_the_broker_counts(ports: dict[str, int], sleeper: int) -> None:
    taken = ports | {"console": ports["mlflow"]}

    assert find_taken_port("rabbitmq", sleeper, taken) == ports["mlflow"]


def test_ones_own_answer_ends_the_wait(tmp_path: Path, ports: dict[str, int]) -> None:
    supervisor = FakeSupervisor(os.getpid())

    a_start(tmp_path, ports, supervisor)._wait("MLflow", "mlflow", lambda: None, timeout_s=0)

    assert not supervisor.is_shut_down


def test_somebody_elses_answer_does_not(tmp_path: Path, ports: dict[str, int], sleeper: int) -> None:
    waiting = a_start(tmp_path, ports, FakeSupervisor(sleeper))

    with pytest.raises(StackError, match=f"somebody else answers on port {ports['mlflow']}"):
        waiting._wait("MLflow", "mlflow", lambda: None, timeout_s=0)


def test_a_port_that_stays_taken_stops_the_start_and_the_next_one_chooses_another(
    tmp_path: Path, ports: dict[str, int], sleeper: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(start, "TAKEN_TIMEOUT_S", 0)
    supervisor = FakeSupervisor(sleeper)

    with pytest.raises(StackError, match=f"port {ports['mlflow']} .* was taken meanwhile.*: run it again"):
        a_start(tmp_path, ports, supervisor)._wait("MLflow", "mlflow", lambda: None)

    assert supervisor.is_shut_down
    assert choose_ports(ports, ports)["mlflow"] != ports["mlflow"]


def test_a_given_server_is_taken_at_its_word(tmp_path: Path, ports: dict[str, int]) -> None:
    waiting = a_start(tmp_path, ports, FakeSupervisor(0))

    waiting._wait("another", "unsupervised", lambda: None, timeout_s=0)
