"""Read what the trainer needs from Postgres, and record what came of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, Candidate, Training, Verdict
from viral_common.events import BatchCollected
from viral_common.stores import ledger
from viral_common.stores.tweets import TweetStore

from viral_trainer.data.window import Window, read_window
from viral_trainer.settings import TrainerSettings


@dataclass(frozen=True)
class BatchState:
    """Hold what is known when the event of a collected batch comes."""

    batch: Batch | None  # None: there is no such batch
    training: Training | None = None  # None: the event led to no model yet
    candidate: Candidate | None = None  # None: nothing was exported for it yet
    earlier: tuple[UUID, ...] = ()  # batches of the source that are to be trained on first


@dataclass(frozen=True)
class TrainingStore:
    """Read batches and their tweets; record trainings and verdicts."""

    sessions: Sessions
    settings: TrainerSettings

    def read_state(self, event: BatchCollected) -> BatchState:
        """Read all that decides what is to be done about the event."""
        with self.sessions() as session:
            training = ledger.find_training(session, event.id)
            candidate = session.get(Candidate, event.id)
            batch = session.get(Batch, event.batch_id)
            earlier = ledger.find_unsettled_batches(session, batch, self.settings.order_wait) if batch else []
        return BatchState(batch, training, candidate, tuple(earlier))

    def read_window(self, batch: Batch) -> Window:
        """Read the tweets to train on: the window that ends with `batch`."""
        return read_window(TweetStore(self.sessions), batch, self.settings)

    def record_candidate(self, candidate: Candidate) -> None:
        """Record what was exported, before it is registered."""
        with self.sessions.begin() as session:
            ledger.record_candidate(session, candidate)

    def record_training(self, training: Training) -> None:
        """Record what the event led to; again changes nothing."""
        with self.sessions.begin() as session:
            ledger.record_training(session, training)

    def record_verdict(self, verdict: Verdict) -> None:
        """Record why the event led to no model."""
        with self.sessions.begin() as session:
            ledger.record_verdict(session, verdict)
