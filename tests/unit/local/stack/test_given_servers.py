"""Servers that are given and do not answer: said at once, with the setting that names them."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import cast

import pytest
from viral_common.errors import ServerAway
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
def test_a_broker_is_asked_on_its_schemes_port(tmp_path: Path, scheme: str, port: int) -> None:
    given = f"{scheme}://me:pw@localhost.invalid,127.0.0.1:1/"

    with pytest.raises(
        ServerAway, match=rf"answer at 127\.0\.0\.1:1, localhost\.invalid:{port} .*VIRAL_RABBITMQ_URL"
    ):
        start(tmp_path, rabbitmq_url=given)._await_rabbitmq()
