"""What became of a batch, step by step, as the pipeline page tells it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Self

from viral_gateway.api.batch_schemas import BatchOut
from viral_gateway.monitoring.drift import Drift
from viral_gateway.pages.training_queue import Place

State = Literal["done", "running", "waiting", "ended"]
# A batch of fewer tweets moves by chance alone.
FEW_TWEETS = 1_000


@dataclass(frozen=True)
class Step:
    """One of collected, trained, verdict, promoted."""

    name: str
    state: State
    since: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class BatchWay:
    """A batch with its steps in order."""

    batch: BatchOut
    collected: Step
    trained: Step
    verdict: Step
    promoted: Step
    drift: Drift | None

    @classmethod
    def of(cls, batch: BatchOut, place: Place) -> Self:
        """A step runs once the one before it is done; after a verdict without a promotion the way has ended."""
        verdict = batch.verdict
        no_model = verdict is not None and batch.trained is None
        kept = verdict is not None and batch.promoted is None
        collected_at = batch.collected.at if batch.collected else None
        trained_at = batch.trained.at if batch.trained else None
        verdict_at = verdict.at if verdict else None
        promoted_at = batch.promoted.at if batch.promoted else None
        empty = batch.collected is not None and not batch.collected.tweet_count
        started = batch.trained.started_at if batch.trained else _later(collected_at, place.since)
        return cls(
            batch,
            _step("Collected", batch.started_at, collected_at),
            _step("Trained", started, trained_at, ended=no_model or empty, waiting=place.waits),
            _step("Verdict", trained_at or collected_at, verdict_at, ended=empty, waiting=not trained_at),
            _step("Promoted", verdict_at, promoted_at, ended=kept or empty),
            Drift.of(batch.drift.psi) if batch.drift else None,
        )

    @property
    def steps(self) -> Sequence[Step]:
        """All four."""
        return self.collected, self.trained, self.verdict, self.promoted

    @property
    def ended_at(self) -> datetime | None:
        """The time of the last step that was done."""
        return max((step.at for step in self.steps if step.at), default=None)

    @property
    def few(self) -> bool:
        """Whether chance alone makes its drift look large."""
        return self.batch.collected is not None and self.batch.collected.tweet_count < FEW_TWEETS


def _later(collected_at: datetime | None, free_since: datetime | None) -> datetime | None:
    return max(collected_at, free_since) if collected_at and free_since else collected_at


def _step(
    name: str, since: datetime | None, at: datetime | None, *, ended: bool = False, waiting: bool = False
) -> Step:
    if at:
        return Step(name, "done", since, at)
    if ended:
        return Step(name, "ended")
    return Step(name, "waiting") if waiting or since is None else Step(name, "running", since)
