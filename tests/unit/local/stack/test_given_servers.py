"""Servers that are given and do not answer: said at once, with the setting that names them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest
from viral_local.errors import StackError
from viral_local.home import Home
from viral_local.process.supervisor import Supervisor
from viral_local.settings import LocalSettings
from viral_local.stack.plan_store import make_plan
from viral_local.stack.start import Start

from tests.integration.gateway.processes import NOWHERE


def start(home: Path, **given: str) -> Start:
    plan = make_plan(Home(home), LocalSettings.model_validate(given), None, any_ports=True)
    return Start(plan, cast(Supervisor, None), lambda _: nullcontext())


def test_an_mlflow_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(StackError, match=f"VIRAL_MLFLOW_URL: MLflow does not answer at http://{NOWHERE} "):
        start(tmp_path, mlflow_url=f"http://{NOWHERE}")._await_mlflow()


@pytest.mark.parametrize(("scheme", "port"), [("amqp", 5672), ("amqps", 5671)])
def test_a_broker_is_asked_on_its_schemes_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scheme: str, port: int
) -> None:
    def refused(address: tuple[str, int], **_: Any) -> None:
        raise ConnectionRefusedError(f"asked {address}")

    monkeypatch.setattr("socket.create_connection", refused)

    with pytest.raises(StackError, match=rf"VIRAL_RABBITMQ_URL: nothing answers at rabbit:{port} .*{port}\)"):
        start(tmp_path, rabbitmq_url=f"{scheme}://me:pw@rabbit/")._await_rabbitmq()
