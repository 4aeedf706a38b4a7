"""Train on a collected batch: what is done about each event."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid5

import structlog
from viral_common.database.tables import Batch, Candidate, Training, Verdict
from viral_common.errors import NotYet, Unusable
from viral_common.events import BatchCollected, Event, ModelTrained
from viral_common.registry.versions import RegisteredVersion

from viral_trainer.data.store import BatchState
from viral_trainer.data.window import Window, find_obstacle
from viral_trainer.settings import TrainerSettings

log = structlog.get_logger()


class Store(Protocol):
    """Know batches and what came of them: Postgres, or a test's memory."""

    def read_state(self, event: BatchCollected) -> BatchState:
        """Read all that decides what is to be done about the event."""

    def read_window(self, batch: Batch) -> Window:
        """Read the tweets to train on: the window that ends with `batch`."""

    def record_candidate(self, candidate: Candidate) -> None:
        """Record what was exported, before it is registered."""

    def record_training(self, training: Training) -> None:
        """Record what the event led to; again changes nothing."""

    def record_verdict(self, verdict: Verdict) -> None:
        """Record why the event led to no model."""


class Challengers(Protocol):
    """Train and register challengers: in MLflow, or in a test's memory."""

    def find(self, candidate: Candidate) -> RegisteredVersion | None:
        """Find the version that was registered of a candidate."""

    def train(
        self, event: BatchCollected, window: Window, record: Callable[[Candidate], None]
    ) -> RegisteredVersion:
        """Train on the window, record the candidate, register it."""

    def finish(self, event_id: UUID, version: RegisteredVersion) -> None:
        """Make the version the challenger, unless all was done before."""


@dataclass(frozen=True)
class Trainer:
    """Register one version per collected batch, in the batches' order, however often the event comes."""

    store: Store
    challengers: Challengers
    settings: TrainerSettings

    def on_batch_collected(self, event: BatchCollected) -> list[Event]:
        """Train on the window that ends with the batch; register the challenger."""
        started_at = datetime.now(UTC)
        state = self.store.read_state(event)
        if state.training is not None:
            return [build_event(state.training)]
        batch = require_batch(event, state)  # first, for a Postgres that lost some commits may have lost it
        version = self.challengers.find(state.candidate) if state.candidate else None
        if version is None:
            window = self.store.read_window(batch)
            if why := find_obstacle(window, self.settings):
                self.store.record_verdict(build_verdict(event, "untrainable", why))
                log.warning("nothing to learn", reason=why)
                return []
            version = self.challengers.train(event, window, self.store.record_candidate)
        self.challengers.finish(event.id, version)
        training = _build_training(event, version, started_at)
        self.store.record_training(training)
        return [build_event(training)]


def require_batch(event: BatchCollected, state: BatchState) -> Batch:
    """Return the batch. Raises Unusable if there is none, NotYet if an earlier one is trained on first."""
    if state.batch is None:
        raise Unusable(f"batch {event.batch_id} does not exist")
    if state.earlier:
        raise NotYet(f"batch {state.earlier[0]} is trained first")
    return state.batch


def build_verdict(event: BatchCollected, outcome: str, reason: str) -> Verdict:
    """Build the verdict on a batch that led to no model."""
    return Verdict(
        id=uuid5(event.id, "verdict"),
        event_id=event.id,
        batch_id=event.batch_id,
        outcome=outcome,
        rule="none",
        reason=reason,
    )


def _build_training(event: BatchCollected, version: RegisteredVersion, started_at: datetime) -> Training:
    return Training(
        event_id=event.id,
        batch_id=event.batch_id,
        model_version=version.model_version,
        mlflow_run_id=version.mlflow_run_id,
        artifact_uri=version.artifact_uri,
        artifact_sha256=version.artifact_sha256,
        metrics=version.metrics,
        started_at=started_at,
    )


def build_event(training: Training) -> ModelTrained:
    """Build the event that announces a training."""
    return ModelTrained(
        batch_id=training.batch_id,
        model_version=training.model_version,
        mlflow_run_id=training.mlflow_run_id,
        artifact_uri=training.artifact_uri,
        artifact_sha256=training.artifact_sha256,
        metrics=training.metrics,
    )
