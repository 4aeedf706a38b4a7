"""A collected batch leads to one challenger, or to a verdict that says why not: in memory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from viral_common.database.tables import Batch, Candidate, Training, Verdict
from viral_common.errors import NotYet, Unusable
from viral_common.events import BatchCollected, ModelTrained
from viral_common.registry.versions import RegisteredVersion
from viral_common.tweets.tweet import LabelledTweet
from viral_trainer.data.store import BatchState
from viral_trainer.data.window import Window
from viral_trainer.handlers import Trainer
from viral_trainer.settings import OfflineSettings

from tests.factories import START, make_labelled_tweets

TWEETS = make_labelled_tweets(300)


class InMemoryStore:
    """Batches by id, each with its tweets; trainings and verdicts by event."""

    def __init__(self) -> None:
        self.batches: dict[UUID, Sequence[LabelledTweet]] = {}
        self.candidates: dict[UUID, Candidate] = {}
        self.trainings: dict[UUID, Training] = {}
        self.verdicts: dict[UUID, Verdict] = {}

    def read_state(self, event: BatchCollected) -> BatchState:
        if event.batch_id not in self.batches:
            return BatchState(None)
        settled = {row.batch_id for row in self.trainings.values()}
        settled |= {row.batch_id for row in self.verdicts.values()}
        order = list(self.batches)
        earlier = (batch for batch in order[: order.index(event.batch_id)] if batch not in settled)
        return BatchState(
            Batch(id=event.batch_id),
            self.trainings.get(event.id),
            self.candidates.get(event.id),
            tuple(earlier),
        )

    def read_window(self, batch: Batch) -> Window:
        tweets = list(self.batches[batch.id])
        return Window([batch], tweets, tweets)

    def record_candidate(self, candidate: Candidate) -> None:
        self.candidates[candidate.event_id] = candidate

    def record_training(self, training: Training) -> None:
        self.trainings.setdefault(training.event_id, training)

    def record_verdict(self, verdict: Verdict) -> None:
        self.verdicts[verdict.event_id] = verdict


def make_candidate(event_id: UUID, version: RegisteredVersion) -> Candidate:
    return Candidate(
        event_id=event_id,
        mlflow_run_id=version.mlflow_run_id,
        artifact_sha256=version.artifact_sha256,
        metrics=version.metrics,
    )


class FakeChallengers:
    """Registers a version per training; `error` is what the next training ends with."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.versions: dict[UUID, RegisteredVersion] = {}
        self.trained: list[UUID] = []
        self.finished: list[int] = []

    def find(self, candidate: Candidate) -> RegisteredVersion | None:
        found = self.versions.get(candidate.event_id)
        return found if found and found.mlflow_run_id == candidate.mlflow_run_id else None

    def train(
        self, event: BatchCollected, window: Window, record: Callable[[Candidate], None]
    ) -> RegisteredVersion:
        if self.error:
            raise self.error
        self.trained.append(event.id)
        number = len(self.versions) + 1
        version = RegisteredVersion(number, f"run {number}", "mlflow-artifacts:/1", "0" * 64, {"auc": 0.7})
        record(make_candidate(event.id, version))
        self.versions[event.id] = version
        return version

    def finish(self, event_id: UUID, version: RegisteredVersion) -> None:
        self.finished.append(version.model_version)


@pytest.fixture
def store() -> InMemoryStore:
    return InMemoryStore()


@pytest.fixture
def challengers() -> FakeChallengers:
    return FakeChallengers()


@pytest.fixture
def trainer(store: InMemoryStore, challengers: FakeChallengers) -> Trainer:
    return Trainer(store, challengers, OfflineSettings())


def collect_batch(store: InMemoryStore, tweets: Sequence[LabelledTweet] = TWEETS) -> BatchCollected:
    event = BatchCollected(
        id=uuid4(),
        batch_id=uuid4(),
        source="simulated",
        query="tests",
        window_from=START,
        window_to=START + timedelta(days=1),
        tweet_count=len(tweets),
        train_count=len(tweets),
        test_count=0,
        viral_rate=0.5,
    )
    store.batches[event.batch_id] = tweets
    return event


def test_a_batch_becomes_a_challenger(
    trainer: Trainer, store: InMemoryStore, challengers: FakeChallengers
) -> None:
    event = collect_batch(store)

    (trained,) = trainer.on_batch_collected(event)

    assert isinstance(trained, ModelTrained)
    assert (trained.batch_id, trained.model_version) == (event.batch_id, 1)
    assert trained.metrics == store.trainings[event.id].metrics == {"auc": 0.7}
    assert challengers.finished == [1]


def test_a_batch_that_was_lost_after_its_export_is_told_before_anybody_is_asked(
    trainer: Trainer, store: InMemoryStore, challengers: FakeChallengers
) -> None:
    event = collect_batch(store)
    trainer.on_batch_collected(event)
    del store.batches[event.batch_id], store.trainings[event.id]

    with pytest.raises(Unusable, match=f"batch {event.batch_id} does not exist"):
        trainer.on_batch_collected(event)

    assert len(challengers.finished) == 1


def test_a_replay_announces_the_same_and_trains_nothing(
    trainer: Trainer, store: InMemoryStore, challengers: FakeChallengers
) -> None:
    event = collect_batch(store)
    first = trainer.on_batch_collected(event)

    again = trainer.on_batch_collected(event)

    assert [one.model_dump() for one in again] == [one.model_dump() for one in first]
    assert challengers.trained == [event.id]


def test_a_version_that_is_registered_already_is_only_finished_and_recorded(
    trainer: Trainer, store: InMemoryStore, challengers: FakeChallengers
) -> None:
    event = collect_batch(store)
    challengers.train(event, Window([], [], []), store.record_candidate)  # and killed after it

    (trained,) = trainer.on_batch_collected(event)

    assert isinstance(trained, ModelTrained)
    assert trained.model_version == 1
    assert (challengers.trained, challengers.finished) == ([event.id], [1])
    assert store.trainings[event.id].model_version == 1


def test_a_version_that_nobody_exported_is_not_adopted(
    trainer: Trainer, store: InMemoryStore, challengers: FakeChallengers
) -> None:
    event = collect_batch(store)
    challengers.versions[event.id] = RegisteredVersion(7, "theirs", "mlflow-artifacts:/7", "7" * 64, {})

    trainer.on_batch_collected(event)

    assert challengers.trained == [event.id]
    assert store.trainings[event.id].artifact_sha256 == "0" * 64


def test_a_batch_out_of_order_waits_for_the_one_before(trainer: Trainer, store: InMemoryStore) -> None:
    earlier, later = collect_batch(store), collect_batch(store)

    with pytest.raises(NotYet, match=str(earlier.batch_id)):
        trainer.on_batch_collected(later)
    trainer.on_batch_collected(earlier)

    assert trainer.on_batch_collected(later)


def test_a_batch_with_too_few_tweets_gets_a_verdict_and_no_event(
    trainer: Trainer, store: InMemoryStore, challengers: FakeChallengers
) -> None:
    event = collect_batch(store, TWEETS[:50])

    assert trainer.on_batch_collected(event) == []

    verdict = store.verdicts[event.id]
    assert (verdict.outcome, verdict.batch_id) == ("untrainable", event.batch_id)
    assert "50 labelled tweets to train on, 200 are needed" in verdict.reason
    assert challengers.trained == []


def test_an_unknown_batch_is_unusable(trainer: Trainer, store: InMemoryStore) -> None:
    event = collect_batch(store).model_copy(update={"batch_id": uuid4()})

    with pytest.raises(Unusable, match="does not exist"):
        trainer.on_batch_collected(event)


def test_a_training_that_fails_records_nothing(
    trainer: Trainer, store: InMemoryStore, challengers: FakeChallengers
) -> None:
    event = collect_batch(store)
    challengers.error = ValueError("no memory")

    with pytest.raises(ValueError, match="no memory"):
        trainer.on_batch_collected(event)

    assert (store.trainings, store.verdicts, challengers.finished) == ({}, {}, [])
