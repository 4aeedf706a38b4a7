"""The trainer as it runs: small itself, a training beside it, and what ends either costs no more than it must."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import numpy as np
import pytest
from mlflow import MlflowClient
from safetensors.numpy import load_file
from sqlalchemy import select
from viral_common.artefact.files import WEIGHTS
from viral_common.database.engine import Sessions
from viral_common.database.tables import InboxEvent, Training, Verdict
from viral_common.events import BatchCollected
from viral_common.registry.versions import Registry
from viral_common.settings import CommonSettings
from viral_common.stores.tweets import TweetStore
from viral_trainer.data.window import read_window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.eventually import eventually
from tests.integration.delivery.running_trainer import read_inbox_row
from tests.integration.trainer.test_registry import find_free_port
from tests.servers import Servers

# A child imports torch first, on a machine that may be busy.
PATIENCE_S = 150
pytestmark = pytest.mark.timeout(300)


class RunningTrainer:
    """`viral-trainer run`, with its own folder, log and health."""

    def __init__(self, settings: CommonSettings, folder: Path, **more: str) -> None:
        self.folder, self._log, self._port = folder, folder / "trainer.log", find_free_port()
        environment = os.environ | {
            "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
            "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
            "VIRAL_MLFLOW_URL": settings.mlflow_url,
            "VIRAL_BASE_MODEL": str(folder / "base"),
            "VIRAL_DATA_DIR": str(folder / "data"),
            "VIRAL_HEALTH_PORT": str(self._port),
            "VIRAL_ALLOW_UNSIGNED": "true",
            "VIRAL_TRAIN_THREADS": "1",
            "VIRAL_RETRY_BASE_S": "0.1",
            "VIRAL_LEASE_S": "2",
            **more,
        }
        program = Path(sys.executable).parent / "viral-trainer"
        with self._log.open("ab") as log:
            self.process = subprocess.Popen([program, "run"], env=environment, cwd=folder, stderr=log)

    @property
    def log(self) -> str:
        return self._log.read_text()

    def read_health(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = httpx.get(f"http://127.0.0.1:{self._port}/health/ready").json()
        except httpx.TransportError:
            return {}
        return found

    def find_child(self) -> int:
        """The training's process."""
        children = Path(f"/proc/{self.process.pid}/task").glob("*/children")
        return int("".join(one.read_text() for one in children).split()[0])

    def wait_for_checkpoint(self, event_id: UUID, within_s: float = PATIENCE_S) -> None:
        file = self.folder / "data" / "trainer" / str(event_id) / "checkpoint"
        eventually(file.exists, within_s=within_s, every_s=0.005)


@contextmanager
def running(settings: CommonSettings, folder: Path, **more: str) -> Iterator[RunningTrainer]:
    trainer = RunningTrainer(settings, folder, **more)
    try:
        yield trainer
    finally:
        trainer.process.kill()
        trainer.process.wait()
        sys.stdout.write(trainer.log)  # shown where a test fails


def get_row(db: Sessions, event: BatchCollected) -> InboxEvent:
    row = read_inbox_row(db, event.id)
    assert row
    return row


def train_undisturbed(db: Sessions, event: BatchCollected, folder: Path) -> dict[str, np.ndarray]:
    """The weights that this batch leads to."""
    settings = TrainerSettings.model_validate(
        {"database_url": "postgresql://127.0.0.1/x", "rabbitmq_url": "amqp://127.0.0.1", "train_threads": 1}
    )
    batch = TweetStore(db).find_batch(event.batch_id)
    assert batch
    base = find_base_model(str(folder / "base"))
    model, _ = fit(read_window(TweetStore(db), batch, settings), base, settings, event.id, NoProgress())
    return {name: weight.numpy() for name, weight in model.network.state_dict().items()}


@pytest.mark.long
@pytest.mark.parametrize("victim", ["training", "service"])
def test_what_is_killed_goes_on_from_its_checkpoint_to_the_same_model(
    db: Sessions,
    settings: CommonSettings,
    event: BatchCollected,
    find_training: Callable[[], Training | None],
    tmp_path: Path,
    victim: str,
) -> None:
    with running(settings, tmp_path) as trainer:
        trainer.wait_for_checkpoint(event.id)
        if victim == "training":
            os.kill(trainer.find_child(), signal.SIGKILL)
            eventually(lambda: get_row(db, event).failures)
            assert "was ended by signal 9; is there enough memory?" in (get_row(db, event).last_error or "")
            training = eventually(find_training, within_s=PATIENCE_S)
    if victim == "service":
        with running(settings, tmp_path) as trainer:
            training = eventually(find_training, within_s=PATIENCE_S)

    assert trainer.log.count("training goes on from its checkpoint") == 1
    assert "Traceback" not in trainer.log
    assert get_row(db, event).failures == (victim == "training")
    assert not list((tmp_path / "data" / "trainer").iterdir())
    directory = Registry(settings.mlflow_url).download(training.artifact_uri, tmp_path)
    trained, undisturbed = load_file(directory / WEIGHTS), train_undisturbed(db, event, tmp_path)
    assert trained.keys() == undisturbed.keys()
    assert all(np.array_equal(trained[name], undisturbed[name]) for name in trained)
    client = MlflowClient(settings.mlflow_url, settings.mlflow_url)
    assert len(client.get_metric_history(training.mlflow_run_id, "val_auc")) >= 3


def test_a_training_without_memory_fails_at_once_and_the_small_service_lives(
    db: Sessions, settings: CommonSettings, event: BatchCollected, tmp_path: Path
) -> None:
    def find_verdict() -> Verdict | None:
        with db() as session:
            return session.scalars(select(Verdict).where(Verdict.event_id == event.id)).one_or_none()

    with running(settings, tmp_path, VIRAL_TRAIN_MEMORY="250", VIRAL_RETRY_LIMIT="2") as trainer:
        verdict = eventually(find_verdict, within_s=PATIENCE_S)

        assert verdict.outcome == "failed"
        assert "failed 2 times" in verdict.reason
        assert "memory" in verdict.reason
        resident = Path(f"/proc/{trainer.process.pid}/statm").read_text().split()[1]
        assert int(resident) * os.sysconf("SC_PAGE_SIZE") < 130 << 20
        maps = Path(f"/proc/{trainer.process.pid}/maps").read_text()
        assert not any(name in maps for name in ("torch", "sklearn", "pandas", "onnxruntime"))
        assert eventually(lambda: trainer.read_health().get("status") == "ready")


@pytest.mark.long
def test_a_training_outlives_an_outage_of_mlflow(
    servers: Servers,
    settings: CommonSettings,
    event: BatchCollected,
    find_training: Callable[[], Training | None],
    tmp_path: Path,
) -> None:
    with running(settings, tmp_path) as trainer:
        trainer.wait_for_checkpoint(event.id)
        servers.kill("mlflow")

        training = eventually(find_training, within_s=PATIENCE_S)

    assert trainer.log.count("[info     ] training ") == 1
    assert "handler failed" not in trainer.log
    client = MlflowClient(settings.mlflow_url, settings.mlflow_url)
    assert len(client.get_metric_history(training.mlflow_run_id, "val_auc")) >= 3
    assert {"eda.html", "slices.json"} <= {
        file.path for file in client.list_artifacts(training.mlflow_run_id)
    }


@pytest.mark.long
@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_full_disk_is_waited_for(
    db: Sessions,
    settings: CommonSettings,
    event: BatchCollected,
    find_training: Callable[[], Training | None],
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(data)], check=True)
    filler = data / "filler"

    def fill(left: int) -> None:
        with suppress(OSError):  # who writes meanwhile fills the rest
            filler.write_bytes(bytes(os.statvfs(data).f_bavail * os.statvfs(data).f_bsize - left))

    def waits(words: str) -> bool:
        return words in (get_row(db, event).last_error or "") and any(
            words in one for one in trainer.read_health().get("doing", [])
        )

    try:
        fill(left=100 << 20)
        with running(settings, tmp_path) as trainer:
            eventually(
                lambda: read_inbox_row(db, event.id) and waits("no room to train"), within_s=PATIENCE_S
            )
            filler.unlink()
            trainer.wait_for_checkpoint(event.id)
            fill(left=0)
            eventually(lambda: waits("is full") or waits("no room to train"), within_s=PATIENCE_S)
            filler.unlink()

            eventually(find_training, within_s=PATIENCE_S)

            assert get_row(db, event).failures == 0
            assert trainer.log.count("training goes on from its checkpoint") == 1
    finally:
        subprocess.run(["umount", str(data)], check=True)
