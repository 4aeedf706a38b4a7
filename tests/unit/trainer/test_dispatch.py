"""What is known without a training decides whether there is one; what came of it is announced from the store."""

from __future__ import annotations

import json
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest
from viral_common.database.tables import Training
from viral_common.errors import ChildFailed, NotYet, RegistryUnavailable, Unusable
from viral_common.events import BatchCollected, ModelTrained
from viral_trainer import telemetry
from viral_trainer.dispatch import Dispatcher

from tests.unit.trainer.test_handlers import InMemoryStore, collect_batch

Usage = namedtuple("Usage", "total used free")


class FakeJobs:
    """Trains at once; `error` is what a job ends with."""

    def __init__(self, store: InMemoryStore) -> None:
        self.store, self.done = store, list[str]()
        self.error: Exception | None = None

    def __call__(self, request: dict[str, Any]) -> int:
        request = json.loads(json.dumps(request))
        self.done.append(request["job"])
        if self.error:
            raise self.error
        event = BatchCollected.model_validate(request["event"])
        self.store.record_training(
            Training(
                event_id=event.id,
                batch_id=event.batch_id,
                model_version=1,
                mlflow_run_id="run",
                artifact_uri="mlflow-artifacts:/1",
                artifact_sha256="0" * 64,
                metrics={"auc": 0.7},
            )
        )
        return 1


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def jobs(store: InMemoryStore) -> FakeJobs:
    return FakeJobs(store)


@pytest.fixture
def dispatcher(store: InMemoryStore, jobs: FakeJobs, tmp_path: Path) -> Dispatcher:
    return Dispatcher(store, jobs, lambda: None, tmp_path, base={}, room=1 << 20)


def test_a_batch_is_trained_on_and_announced_once(
    dispatcher: Dispatcher, store: InMemoryStore, jobs: FakeJobs
) -> None:
    event, failed = collect_batch(store), telemetry.REPORTS_FAILED._value.get()

    (trained,) = dispatcher.on_batch_collected(event)
    (again,) = dispatcher.on_batch_collected(event)

    assert isinstance(trained, ModelTrained)
    assert trained.model_dump() == again.model_dump()
    assert jobs.done == ["train"]
    assert telemetry.REPORTS_FAILED._value.get() == failed + 1
    assert dispatcher.doing == "waits for a batch"


def test_what_waits_or_is_unusable_starts_no_process(
    dispatcher: Dispatcher, store: InMemoryStore, jobs: FakeJobs
) -> None:
    earlier, later = collect_batch(store), collect_batch(store)

    with pytest.raises(NotYet, match=str(earlier.batch_id)):
        dispatcher.on_batch_collected(later)
    with pytest.raises(Unusable, match="does not exist"):
        dispatcher.on_batch_collected(later.model_copy(update={"batch_id": later.id}))

    assert jobs.done == []


def test_room_is_looked_for_first_and_counts_what_the_training_keeps_already(
    dispatcher: Dispatcher,
    store: InMemoryStore,
    jobs: FakeJobs,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    event = collect_batch(store)
    monkeypatch.setattr("shutil.disk_usage", lambda _: Usage(1 << 30, 1 << 30, 1 << 19))

    with pytest.raises(NotYet, match=r"no room to train: 0 MiB are free in .*, 1 are needed"):
        dispatcher.on_batch_collected(event)
    assert "no room to train" in dispatcher.doing
    assert jobs.done == []
    (tmp_path / str(event.id)).mkdir()
    (tmp_path / str(event.id) / "checkpoint").write_bytes(bytes(1 << 19))

    assert dispatcher.on_batch_collected(event)
    assert not (tmp_path / str(event.id)).exists()


def test_mlflow_away_starts_no_process(dispatcher: Dispatcher, store: InMemoryStore, jobs: FakeJobs) -> None:
    def be_away() -> None:
        raise RegistryUnavailable("MLflow does not answer")

    dispatcher.check_mlflow = be_away

    with pytest.raises(RegistryUnavailable):
        dispatcher.on_batch_collected(collect_batch(store))

    assert jobs.done == []
    assert dispatcher.doing == "MLflow does not answer"


def test_a_training_that_fails_records_nothing_and_keeps_its_checkpoint(
    dispatcher: Dispatcher, store: InMemoryStore, jobs: FakeJobs, tmp_path: Path
) -> None:
    event = collect_batch(store)
    jobs.error = ChildFailed("the training was ended by signal 9; is there enough memory?")
    (tmp_path / str(event.id)).mkdir()

    with pytest.raises(ChildFailed):
        dispatcher.on_batch_collected(event)

    assert (store.trainings, store.verdicts) == ({}, {})
    assert (tmp_path / str(event.id)).exists()


@pytest.mark.parametrize("error", [None, ChildFailed("no memory"), RegistryUnavailable("MLflow is away")])
def test_a_dead_lettered_batch_has_failed_and_holds_up_no_later_one(
    dispatcher: Dispatcher, store: InMemoryStore, jobs: FakeJobs, tmp_path: Path, error: Exception | None
) -> None:
    event, later = collect_batch(store), collect_batch(store)
    (tmp_path / str(event.id)).mkdir()
    jobs.error = error

    dispatcher.on_dead_lettered(event, "failed 5 times")

    verdict = store.verdicts[event.id]
    assert (verdict.outcome, verdict.reason, verdict.batch_id) == ("failed", "failed 5 times", event.batch_id)
    assert jobs.done == ["give_up"]
    assert not (tmp_path / str(event.id)).exists()
    jobs.error = None
    assert dispatcher.on_batch_collected(later)


def test_a_dead_lettered_event_of_no_batch_leaves_no_verdict_and_starts_no_process(
    dispatcher: Dispatcher, store: InMemoryStore, jobs: FakeJobs
) -> None:
    event = collect_batch(store)

    dispatcher.on_dead_lettered(event.model_copy(update={"batch_id": event.id}), "does not exist")

    assert (store.verdicts, jobs.done) == ({}, [])
