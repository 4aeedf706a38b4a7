"""What the registry says when MLflow has not what is asked for, or is away; and MLflow's own serving."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from mlflow import MlflowClient
from viral_common.artefact.files import read_artefact
from viral_common.artefact.predictor import Predictor
from viral_common.database.tables import Verdict
from viral_common.errors import ArtefactError, RegistryUnavailable, UsageError
from viral_common.registry.runs import Runs
from viral_common.registry.versions import MODEL_NAME, RegisteredVersion, Registry

from tests.factories import make_artefact, make_labelled_tweets


@pytest.fixture
def event_id() -> UUID:
    return uuid4()


@pytest.fixture
def version(mlflow_url: str, tmp_path: Path, event_id: UUID) -> RegisteredVersion:
    tags = {"viral.source": "simulated", "viral.batch_id": "b", "viral.query": "oil"}
    run = Runs(mlflow_url).start(event_id, "a test", tags)
    return run.register(make_artefact(tmp_path / "artefact"), {"auc": 0.7})


def test_a_version_is_found_by_number_and_by_run(
    mlflow_url: str, version: RegisteredVersion, event_id: UUID
) -> None:
    registry = Registry(mlflow_url)

    assert registry.get_version(version.model_version) == version
    assert registry.find_version(version.mlflow_run_id, version.artifact_sha256, {"auc": 0.7}) == version
    assert registry.find_version(uuid4().hex, version.artifact_sha256, {}) is None
    # Of another database, say, whose numbers happen to be the same.
    assert registry.find_version(version.mlflow_run_id, "0" * 64, {}) is None


def test_a_version_shows_four_tags_and_its_run_the_rest(
    mlflow_url: str, version: RegisteredVersion, event_id: UUID
) -> None:
    client = MlflowClient(mlflow_url, mlflow_url)
    verdict = Verdict(
        outcome="kept",
        reason="No better than version 1.",
        precision="fp32",
        challenger_metrics={"auc": 0.69},
        created_at=datetime.now(UTC),
    )

    Registry(mlflow_url).record_verdict(version.model_version, verdict)

    shown = client.get_model_version(MODEL_NAME, str(version.model_version))
    run = client.get_run(version.mlflow_run_id).data
    assert shown.tags == {
        "viral.batch_id": "b",
        "viral.source": "simulated",
        "viral.verdict": "kept",
        "viral.precision": "fp32",
    }
    assert shown.description == "No better than version 1."
    assert run.tags["viral.event_id"] == str(event_id)
    assert run.tags["viral.query"] == "oil"
    assert run.metrics["test_auc"] == 0.69


def test_an_unknown_version_is_the_askers_mistake(mlflow_url: str, version: RegisteredVersion) -> None:
    with pytest.raises(UsageError, match="no version 99999"):
        Registry(mlflow_url).get_version(99999)


def test_an_artefact_that_is_gone_is_no_artefact(mlflow_url: str, tmp_path: Path) -> None:
    with pytest.raises(ArtefactError):
        Registry(mlflow_url).download("mlflow-artifacts:/0/models/none/artifacts", tmp_path)


def test_mlflow_away_is_noticed_within_seconds(tmp_path: Path) -> None:
    registry = Registry(f"http://127.0.0.1:{find_free_port()}")
    started = time.monotonic()

    with pytest.raises(RegistryUnavailable, match="VIRAL_MLFLOW_URL"):
        registry.find_version("run", "0" * 64, {})
    with pytest.raises(RegistryUnavailable, match="VIRAL_MLFLOW_URL"):
        registry.download("mlflow-artifacts:/0/models/none/artifacts", tmp_path)

    assert time.monotonic() - started < 20


def test_mlflow_models_serve_answers_with_the_same_probabilities(
    mlflow_url: str, version: RegisteredVersion, tmp_path: Path
) -> None:
    Registry(mlflow_url).set_alias("champion", version.model_version)
    inputs = [tweet.input for tweet in make_labelled_tweets(20)]
    rows = [
        {"text": one.text, "created_at": one.created_at.isoformat(), "photos_count": one.photos_count}
        for one in inputs
    ]

    with serve_by_mlflow(mlflow_url, tmp_path / "serve.log") as url:
        reply = httpx.post(f"{url}/invocations", json={"dataframe_records": rows}, timeout=30)

    answered = [row["probability"] for row in reply.raise_for_status().json()["predictions"]]
    expected = Predictor.load(read_artefact(tmp_path / "artefact"), threads=1).predict(inputs)
    assert np.abs(np.array(answered) - expected).max() < 1e-6


@contextmanager
def serve_by_mlflow(mlflow_url: str, log: Path) -> Iterator[str]:
    """MLflow's own scoring server on the champion."""
    port = find_free_port()
    programs = Path(sys.executable).parent
    command = [str(programs / "mlflow"), "models", "serve", "--env-manager", "local"]
    with log.open("wb") as output:
        server = subprocess.Popen(
            [*command, "-m", f"models:/{MODEL_NAME}@champion", "-p", str(port)],
            env=os.environ | {"MLFLOW_TRACKING_URI": mlflow_url, "PATH": f"{programs}:{os.environ['PATH']}"},
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        url = f"http://127.0.0.1:{port}"
        wait_for(f"{url}/health", log)
        yield url
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def wait_for(url: str, log: Path, timeout_s: float = 90) -> None:
    """Until it answers; the server's log if it never does."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, timeout=2).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.3)
    pytest.fail(log.read_text())


def find_free_port() -> int:
    """Of this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
