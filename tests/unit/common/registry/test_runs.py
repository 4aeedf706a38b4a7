"""What a training tells MLflow waits while that is away, and arrives whole and in order."""

from __future__ import annotations

from typing import Any, cast

import pytest
import requests
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.entities import RunInfo
from mlflow.exceptions import RestException
from viral_common.errors import NotYet
from viral_common.registry import runs
from viral_common.registry.runs import Run

from tests.eventually import eventually


class FakeClient:
    """Keeps what arrives; `away` answers nothing, `refusal` is what it answers everything with."""

    def __init__(self) -> None:
        self.away = False
        self.refusal: Exception | None = None
        self.stage = "active"
        self.arrived: list[str] = []
        self.points: list[tuple[str, int]] = []

    def _arrive(self, what: str) -> None:
        if self.away:
            raise requests.ConnectionError
        if self.refusal:
            raise self.refusal
        self.arrived.append(what)

    def log_batch(self, run_id: str, metrics: Any = (), params: Any = ()) -> None:
        self._arrive("params" if params else f"{len(metrics)} points")
        self.points += [(metric.key, metric.step) for metric in metrics]

    def log_text(self, run_id: str, text: str, name: str) -> None:
        self._arrive(name)

    def log_table(self, run_id: str, columns: dict[str, Any], name: str) -> None:
        self._arrive(name)

    def set_tag(self, run_id: str, name: str, value: str) -> None:
        self._arrive(name)

    def get_run(self, run_id: str) -> MlflowRun:
        return MlflowRun(RunInfo(run_id, "1", "me", "RUNNING", 0, 0, self.stage), None)


@pytest.fixture
def client() -> FakeClient:
    return FakeClient()


@pytest.fixture
def run(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that sends when it is told to."""
    monkeypatch.setattr(runs, "SEND_EVERY_S", 3600)
    return Run(cast(MlflowClient, client), "http://mlflow", "1", "run", {})


def log_all(run: Run) -> None:
    run.log_params({"seed": 7})
    run.log_text("eda.html", "<p>")
    for step in range(2500):
        run.log_metrics({"loss": 0.5}, step)
    run.log_table("slices.json", [{"of": "words"}])
    run.describe("a model")


def test_an_outage_delays_what_is_logged_and_loses_nothing(run: Run, client: FakeClient) -> None:
    client.away = True
    log_all(run)
    assert not run.flush()
    assert client.arrived == []

    client.away = False
    assert run.flush()

    texts = ["params", "eda.html", "slices.json", "mlflow.note.content"]
    assert client.arrived == [*texts, "1000 points", "1000 points", "500 points"]
    assert client.points == [("loss", step) for step in range(2500)]
    assert run.flush()
    assert len(client.points) == 2500


def test_what_waits_is_bounded(run: Run, client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "MOST_WAITING", 100)
    log_all(run)

    assert run.flush()

    assert client.points == [("loss", step) for step in range(100)]


@pytest.mark.parametrize(
    ("stage", "raised", "words"),
    [("deleted", NotYet, "was deleted in MLflow"), ("active", RestException, "no such thing")],
)
def test_a_refusal_is_raised_where_the_training_logs_next(
    run: Run, client: FakeClient, stage: str, raised: type[Exception], words: str
) -> None:
    client.refusal = RestException({"error_code": "INVALID_PARAMETER_VALUE", "message": "no such thing"})
    client.stage = stage
    run.log_params({"seed": 7})

    assert run.flush()

    with pytest.raises(raised, match=words):
        run.log_metrics({"loss": 0.5}, 1)


def test_it_is_sent_without_being_asked(client: FakeClient, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(runs, "SEND_EVERY_S", 0.01)
    run = Run(cast(MlflowClient, client), "http://mlflow", "1", "run", {})
    log_all(run)

    eventually(lambda: len(client.points) == 2500)
