"""Each batch that is trained on is described on its run, and its drift is kept beside it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.artifacts import download_artifacts
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch
from viral_common.registry.runs import Run
from viral_common.stores.tweets import TweetStore
from viral_trainer.data.store import TrainingStore
from viral_trainer.eda.on_run import REPORT, BatchReports
from viral_trainer.handlers import Trainer
from viral_trainer.training.challenger import MlflowChallengers

from tests.integration.trainer.stored_batches import store_batch


def test_the_run_of_a_batch_holds_its_report_and_its_drift(
    challengers: MlflowChallengers, db: Sessions, mlflow_url: str, tmp_path: Path
) -> None:
    store_batch(db, day=0, count=300)
    event = store_batch(db, day=1, count=300)
    tweets = TweetStore(db)
    batch = tweets.find_batch(event.batch_id)
    assert batch
    run = challengers.runs.start(event.id, "tests", {})

    BatchReports(db, tweets, challengers.settings).put_on(run, batch)

    run.flush()
    page = download_artifacts(
        run_id=run.run_id, artifact_path=REPORT, dst_path=str(tmp_path), tracking_uri=mlflow_url
    )
    assert "<!doctype html>" in Path(page).read_text(encoding="utf-8")
    metrics = MlflowClient(mlflow_url).get_run(run.run_id).data.metrics
    described = tweets.find_batch(event.batch_id)
    assert described
    assert described.drift
    assert {f"drift_psi_{name}": index for name, index in described.drift.items()}.items() <= metrics.items()
    assert abs(metrics["drift_viral_rate"]) < 0.2


def test_the_newest_batch_is_described_before_its_training(
    challengers: MlflowChallengers, db: Sessions
) -> None:
    described: list[Batch] = []
    store_batch(db, day=0, count=0)
    event = store_batch(db, day=1)

    def report(_: Run, batch: Batch) -> None:
        described.append(batch)
        raise Described

    reporting = replace(challengers, report=report)
    trainer = Trainer(TrainingStore(db, challengers.settings), reporting, challengers.settings)
    with pytest.raises(Described):
        trainer.on_batch_collected(event)

    assert [batch.id for batch in described] == [event.batch_id]


class Described(BaseException):
    """Ends a handler before the training begins."""
