"""Say what became of a batch, step by step, and which batch is trained next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from viral_gateway.api.batch_schemas import BatchOut
from viral_gateway.monitoring.drift import Drift

State = Literal["done", "running", "waiting", "ended"]
# A batch of fewer tweets moves by chance alone.
FEW_TWEETS = 1_000


@dataclass(frozen=True)
class Step:
    """Hold one of collected, trained, verdict, promoted."""

    name: str
    state: State
    since: datetime | None = None
    at: datetime | None = None


@dataclass(frozen=True)
class Place:
    """Say whether a batch's training waits for an earlier one of its source, and since when it need not (ADR 0010)."""

    waits: bool = False
    since: datetime | None = None

    @classmethod
    def from_batch(
        cls, batch: BatchOut, among: Sequence[BatchOut], now: datetime, order_wait: timedelta
    ) -> Self:
        """Decide as the trainer does: what was collected more than `order_wait` ago is not waited for."""
        earlier = [one for one in among if one.source == batch.source and one.window_to < batch.window_to]
        return cls(
            any(_is_unsettled(one, now - order_wait) for one in earlier),
            max((at for one in earlier if (at := _get_settled_at(one))), default=None),
        )


@dataclass(frozen=True)
class BatchSteps:
    """Hold a batch with its steps in order."""

    batch: BatchOut
    collected: Step
    trained: Step
    verdict: Step
    promoted: Step
    drift: Drift | None

    @classmethod
    def from_batch(cls, batch: BatchOut, place: Place) -> Self:
        """Build its steps: each runs once the one before is done; a verdict without a promotion ends them."""
        verdict = batch.verdict
        no_model = verdict is not None and batch.trained is None
        kept = verdict is not None and batch.promoted is None
        collected_at = batch.collected.at if batch.collected else None
        trained_at = batch.trained.at if batch.trained else None
        verdict_at = verdict.at if verdict else None
        promoted_at = batch.promoted.at if batch.promoted else None
        empty = batch.collected is not None and not batch.collected.tweet_count
        started = batch.trained.started_at if batch.trained else _find_start(collected_at, place.since)
        return cls(
            batch,
            _build_step("Collected", batch.started_at, collected_at),
            _build_step("Trained", started, trained_at, ended=no_model or empty, waiting=place.waits),
            _build_step(
                "Verdict", trained_at or collected_at, verdict_at, ended=empty, waiting=not trained_at
            ),
            _build_step("Promoted", verdict_at, promoted_at, ended=kept or empty),
            Drift.from_indices(batch.drift.psi) if batch.drift else None,
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


def find_batch_on_its_way(batches: Sequence[BatchOut]) -> BatchOut | None:
    """Find among the newest batches, newest first, the one that will bring the first model; else the newest."""
    open_ones = [batch for batch in batches if not _has_ended(batch)]
    return open_ones[-1] if open_ones else next(iter(batches), None)


def _is_unsettled(batch: BatchOut, after: datetime) -> bool:
    collected = batch.collected
    return bool(collected and collected.tweet_count and collected.at > after and not _get_settled_at(batch))


def _get_settled_at(batch: BatchOut) -> datetime | None:
    settled = batch.trained or batch.verdict
    return settled.at if settled else None


def _has_ended(batch: BatchOut) -> bool:
    empty = batch.collected is not None and not batch.collected.tweet_count
    return empty or (batch.verdict is not None and batch.promoted is None)


def _find_start(collected_at: datetime | None, free_since: datetime | None) -> datetime | None:
    return max(collected_at, free_since) if collected_at and free_since else collected_at


def _build_step(
    name: str, since: datetime | None, at: datetime | None, *, ended: bool = False, waiting: bool = False
) -> Step:
    if at:
        return Step(name, "done", since, at)
    if ended:
        return Step(name, "ended")
    return Step(name, "waiting") if waiting or since is None else Step(name, "running", since)
