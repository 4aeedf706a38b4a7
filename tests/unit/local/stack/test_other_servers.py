"""A running stack that is given other servers: it starts afresh with them, and keeps those given before."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from viral_local.home import Home
from viral_local.process.supervisor import Supervisor
from viral_local.settings import LocalSettings
from viral_local.stack.plan_store import make_plan
from viral_local.stack.stack import Stack
from viral_local.stack.start import Start

BROKER, DATABASE, MLFLOW = "amqp://me:pw@broker/", "postgresql://me:pw@db/tweets", "http://ml:5000"


@pytest.fixture
def started_afresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether it was, each time the stack that is up is started again; a database is given from the first."""
    home = Home(tmp_path)
    home.make()
    make_plan(home, LocalSettings(database_url=DATABASE), None, any_ports=True)
    home.stack_file.write_text("{}")
    times: list[bool] = []
    monkeypatch.setattr(Supervisor, "find_pid", lambda _: 1)
    monkeypatch.setattr(Supervisor, "read_states", lambda _: {})
    monkeypatch.setattr(Supervisor, "restart", lambda *_: None)
    monkeypatch.setattr("viral_local.stack.stack.start_supervisor", lambda _: times.append(True))
    for step in ("start_servers", "start_services", "await_services"):
        monkeypatch.setattr(Start, step, lambda *_, **__: None)
    return times


def up(home: Path, **given: Any) -> Mapping[str, Any]:
    return Stack(LocalSettings(data_dir=home, **given)).up().given.model_dump(exclude_none=True)


@pytest.mark.parametrize("other", [{"rabbitmq_url": BROKER}, {"mlflow_url": MLFLOW}])
def test_a_server_given_to_a_running_stack_is_taken(
    tmp_path: Path, started_afresh: list[bool], other: dict[str, str]
) -> None:
    assert up(tmp_path, **other) == {"database_url": DATABASE, **other}
    assert started_afresh == [True]
    assert up(tmp_path, **other) == {"database_url": DATABASE, **other}
    assert started_afresh == [True]


def test_so_is_another_one_in_its_place(tmp_path: Path, started_afresh: list[bool]) -> None:
    other = DATABASE.replace("db", "db2")

    assert up(tmp_path, database_url=other) == {"database_url": other}
    assert started_afresh == [True]


def test_what_is_not_mentioned_stays_and_nothing_is_started(
    tmp_path: Path, started_afresh: list[bool]
) -> None:
    assert up(tmp_path) == {"database_url": DATABASE}
    assert started_afresh == []
