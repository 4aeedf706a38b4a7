"""Trainings on a Ray cluster of several hosts: the same model as in one process, whatever is lost meanwhile.

The cluster's head is on the test's machine; its workers are hosts of their own, in network namespaces.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from viral_common.database.engine import Sessions
from viral_common.database.tables import Training
from viral_common.events import BatchCollected
from viral_common.settings import CommonSettings
from viral_common.stores.tweets import TweetStore
from viral_trainer.data.window import read_window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.eventually import eventually
from tests.hosts import make_hosts
from tests.integration.trainer.on_ray.ray_nodes import RayNodes, ray_head
from tests.integration.trainer.test_process import get_row, running

# Ray and each of its workers import for half a minute, on a machine that may be busy.
WITHIN_S = 600
pytestmark = [pytest.mark.long, pytest.mark.timeout(2400)]


def train_in_process(db: Sessions, event: BatchCollected, folder: Path) -> float:
    """The AUC that this batch leads to without Ray."""
    addresses = {"database_url": "postgresql://127.0.0.1/x", "rabbitmq_url": "amqp://127.0.0.1"}
    settings = TrainerSettings.model_validate(addresses | {"train_threads": 1})
    batch = TweetStore(db).find_batch(event.batch_id)
    assert batch
    base = find_base_model(str(folder / "base"))
    model, _ = fit(read_window(TweetStore(db), batch, settings), base, settings, event.id, NoProgress())
    return model.training.metrics["auc"]


def on_ray(nodes: RayNodes, **more: str) -> dict[str, str]:
    return {
        "VIRAL_RAY_ADDRESS": f"{nodes.address}:{nodes.port}",
        **nodes.environment,
        **more,
    }


def test_two_hosts_train_as_one_process_does_and_one_finishes_what_both_began(
    db: Sessions,
    settings: CommonSettings,
    event: BatchCollected,
    find_training: Callable[[], Training | None],
    tmp_path: Path,
) -> None:
    with make_hosts("left", "right") as hosts, ray_head(tmp_path, hosts.test_address) as nodes:
        for host in hosts:
            nodes.start(host)
        with running(settings, tmp_path, **on_ray(nodes)) as trainer:
            trainer.wait_for_checkpoint(event.id, within_s=WITHIN_S)
            assert all(nodes.find_workers(host) for host in hosts)

            hosts["right"].power_off()
            training = eventually(find_training, within_s=WITHIN_S)

    assert get_row(db, event).failures == 0
    client = MlflowClient(settings.mlflow_url, settings.mlflow_url)
    run = client.get_run(training.mlflow_run_id)
    assert run.data.tags["viral.trained_on"] == f"Ray: {hosts['left'].address}"
    assert run.data.params["trained_on"].endswith("1 to 2 workers of 1 CPU")
    assert len(client.get_metric_history(training.mlflow_run_id, "val_auc")) >= 3
    assert training.metrics["auc"] == pytest.approx(train_in_process(db, event, tmp_path), abs=0.005)
