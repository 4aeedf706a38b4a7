"""A collected batch becomes a registered challenger: once, in order, or with the reason why not."""

from __future__ import annotations

from pathlib import Path
from uuid import uuid4

import numpy as np
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run as MlflowRun
from mlflow.entities import ViewType
from sqlalchemy import select
from viral_common.artefact.files import read_artefact
from viral_common.artefact.predictor import Predictor
from viral_common.database.engine import Sessions
from viral_common.database.tables import Training, Verdict
from viral_common.errors import NotYet, Unusable
from viral_common.evaluation.scores import compute_scores
from viral_common.events import BatchCollected, ModelTrained
from viral_common.registry.runs import Run, Runs
from viral_common.registry.versions import MODEL_NAME, Registry
from viral_common.settings import CommonSettings
from viral_trainer.handlers import Trainer

from tests.factories import make_artefact, make_labelled_tweets
from tests.integration.trainer.stored_batches import store_batch


def find_runs(client: MlflowClient, event: BatchCollected) -> list[MlflowRun]:
    experiment = client.get_experiment_by_name(MODEL_NAME)
    wanted = f"tags.`viral.event_id` = '{event.id}'"
    return list(client.search_runs([experiment.experiment_id], wanted, ViewType.ACTIVE_ONLY))


def find_versions(client: MlflowClient, event: BatchCollected) -> list[int]:
    runs = [run.info.run_id for run in find_runs(client, event)]
    return [int(one.version) for run in runs for one in client.search_model_versions(f"run_id = '{run}'")]


@pytest.fixture
def client(mlflow_url: str) -> MlflowClient:
    return MlflowClient(mlflow_url, mlflow_url)


def test_a_collected_batch_becomes_a_challenger(trainer: Trainer, db: Sessions, client: MlflowClient) -> None:
    event = store_batch(db)

    (trained,) = trainer.on_batch_collected(event)

    assert isinstance(trained, ModelTrained)
    assert trained.metrics["auc"] > 0.7
    assert int(client.get_model_version_by_alias(MODEL_NAME, "challenger").version) == trained.model_version
    assert find_versions(client, event) == [trained.model_version]
    (run,) = find_runs(client, event)
    assert run.info.status == "FINISHED"
    assert run.data.tags["viral.batch_id"] == str(event.batch_id)
    assert "Simulated data" in run.data.tags["mlflow.note.content"]
    assert len(client.get_metric_history(run.info.run_id, "val_auc")) >= 2
    assert client.get_metric_history(run.info.run_id, "train_loss")


def test_the_announced_artefact_is_the_one_that_scores(
    trainer: Trainer, registry: Registry, db: Sessions, tmp_path: Path
) -> None:
    (trained,) = trainer.on_batch_collected(store_batch(db))
    assert isinstance(trained, ModelTrained)

    directory = registry.download(trained.artifact_uri, tmp_path)
    predictor = Predictor.load(read_artefact(directory, trained.artifact_sha256), threads=1)

    tweets = make_labelled_tweets(200, seed=99)
    labels = np.array([tweet.viral for tweet in tweets])
    assert compute_scores(labels, predictor.predict([tweet.input for tweet in tweets]))["auc"] > 0.7


def test_the_same_event_again_repeats_nothing(trainer: Trainer, db: Sessions, client: MlflowClient) -> None:
    event = store_batch(db)
    first = trainer.on_batch_collected(event)

    again = trainer.on_batch_collected(event)

    assert [one.model_dump() for one in again] == [one.model_dump() for one in first]
    assert len(find_runs(client, event)) == 1
    assert len(find_versions(client, event)) == 1


class Killed(BaseException):
    """Ends a handler where SIGKILL would."""


@pytest.mark.parametrize("after", [True, False], ids=["after", "before"])
@pytest.mark.parametrize(
    "step",
    [
        "Runs.start",
        "Run.describe",
        "Run._log_model",
        "Run.register",
        "Registry.set_alias",
        "Runs.finish",
    ],
)
def test_a_training_killed_anywhere_ends_in_one_version(
    trainer: Trainer,
    db: Sessions,
    client: MlflowClient,
    monkeypatch: pytest.MonkeyPatch,
    step: str,
    after: bool,
) -> None:
    event = store_batch(db)
    with monkeypatch.context() as patch:
        kill_at(patch, step, after)
        with pytest.raises(Killed):
            trainer.on_batch_collected(event)

    (trained,) = trainer.on_batch_collected(event)

    assert isinstance(trained, ModelTrained)
    assert find_versions(client, event) == [trained.model_version]
    (run,) = find_runs(client, event)
    assert run.info.status == "FINISHED"
    assert int(client.get_model_version_by_alias(MODEL_NAME, "challenger").version) == trained.model_version
    with db() as session:
        assert session.scalars(select(Training.model_version)).all() == [trained.model_version]
    assert not list((trainer.settings.data_dir / "trainer").glob(str(event.id)))


def kill_at(patch: pytest.MonkeyPatch, step: str, after: bool) -> None:
    """Let the method run or not, then end."""
    owner_name, method = step.split(".")
    owner = {"Run": Run, "Runs": Runs, "Registry": Registry}[owner_name]
    original = getattr(owner, method)

    def end(*args: object, **kwargs: object) -> None:
        if after:
            original(*args, **kwargs)
        raise Killed

    patch.setattr(owner, method, end)


def test_a_version_that_carries_the_events_tag_but_was_not_exported_here_is_not_adopted(
    trainer: Trainer, db: Sessions, client: MlflowClient, settings: CommonSettings, tmp_path: Path
) -> None:
    event = store_batch(db)
    theirs = Runs(settings.mlflow_url).start(event.id, "theirs", {})
    forged = theirs.register(make_artefact(tmp_path / "artefact"), {"auc": 0.99})
    Runs(settings.mlflow_url).finish(theirs.run_id)

    (trained,) = trainer.on_batch_collected(event)

    assert isinstance(trained, ModelTrained)
    assert trained.model_version != forged.model_version
    assert trained.artifact_sha256 != forged.artifact_sha256


def test_a_run_deleted_while_it_trains_is_no_failure_and_training_begins_again(
    trainer: Trainer, db: Sessions, client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = store_batch(db)
    describe = Run.describe

    def delete_first(run: Run, markdown: str) -> None:
        client.delete_run(run.run_id)
        describe(run, markdown)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "describe", delete_first)
        with pytest.raises(NotYet, match="was deleted in MLflow; training begins again"):
            trainer.on_batch_collected(event)

    assert trainer.on_batch_collected(event)


def test_a_later_batch_waits_for_the_one_before(trainer: Trainer, db: Sessions) -> None:
    earlier = store_batch(db, day=0)
    later = store_batch(db, day=1)

    with pytest.raises(NotYet, match=str(earlier.batch_id)):
        trainer.on_batch_collected(later)
    trainer.on_batch_collected(earlier)

    assert trainer.on_batch_collected(later)


def test_a_batch_that_does_not_exist_is_unusable(trainer: Trainer, db: Sessions) -> None:
    event = store_batch(db).model_copy(update={"batch_id": uuid4()})

    with pytest.raises(Unusable, match="does not exist"):
        trainer.on_batch_collected(event)


@pytest.mark.parametrize(
    ("count", "likes", "reason"),
    [
        (50, None, "are needed"),
        (0, None, "0 labelled"),
        (600, 0, "train tweets have more than 0 likes"),
        (600, 5, "train tweets have more than 0 likes"),
    ],
)
def test_a_batch_with_nothing_to_learn_gets_a_verdict_that_says_so(
    trainer: Trainer, db: Sessions, client: MlflowClient, count: int, likes: int | None, reason: str
) -> None:
    event = store_batch(db, count=count, likes=likes)

    assert trainer.on_batch_collected(event) == []
    assert trainer.on_batch_collected(event) == []

    with db() as session:
        (verdict,) = session.scalars(select(Verdict)).all()
    assert verdict.outcome == "untrainable"
    assert reason in verdict.reason
    assert find_versions(client, event) == []
