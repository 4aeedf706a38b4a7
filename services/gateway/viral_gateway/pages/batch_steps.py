"""Say what became of a batch, step by step, and which batch is trained next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal, Self

from viral_gateway.api.record_schemas import BatchOut
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
class BatchSteps:
    batch: BatchOut
    collected: Step
    trained: Step
    verdict: Step
    promoted: Step
    drift: Drift | None

    @classmethod
    def from_batch(
        cls, batch: BatchOut, among: Sequence[BatchOut], now: datetime, order_wait: timedelta
    ) -> Self:
        """Build its steps: each runs once the one before is done; a verdict without a promotion ends them.

        Training waits for earlier batches of the source as the trainer does (docs/decisions/0010): for none that was
        collected more than `order_wait` ago.
        """
        earlier = [one for one in among if one.source == batch.source and one.window_to < batch.window_to]
        waits = any(_is_unsettled(one, now - order_wait) for one in earlier)
        free_since = max((at for one in earlier if (at := _get_settled_at(one))), default=None)
        collected_at, trained_at, verdict_at, promoted_at = (
            step.at if step else None
            for step in (batch.collected, batch.trained, batch.verdict, batch.promoted)
        )
        started_at = max(collected_at, free_since or collected_at) if collected_at else None
        if batch.trained:
            started_at = batch.trained.started_at
        untrained, judged = _is_left_untrained(batch), batch.verdict is not None
        return cls(
            batch,
            _build_step("Collected", batch.started_at, collected_at),
            _build_step("Trained", started_at, trained_at, ended=judged or untrained, waiting=waits),
            _build_step(
                "Verdict", trained_at or collected_at, verdict_at, ended=untrained, waiting=not trained_at
            ),
            _build_step("Promoted", verdict_at, promoted_at, ended=judged or untrained),
            Drift.from_indices(batch.drift.psi) if batch.drift else None,
        )

    @property
    def ended_at(self) -> datetime | None:
        """The time of the last step that was done."""
        steps = (self.collected, self.trained, self.verdict, self.promoted)
        return max((step.at for step in steps if step.at), default=None)

    @property
    def few(self) -> bool:
        """Whether chance alone makes its drift look large."""
        return self.batch.collected is not None and self.batch.collected.tweet_count < FEW_TWEETS


def find_batch_on_its_way(batches: Sequence[BatchOut]) -> BatchOut | None:
    """Find among the newest batches, newest first, the one that will bring the first model; else the newest."""
    open_ones = [batch for batch in batches if not _has_ended(batch)]
    return open_ones[-1] if open_ones else next(iter(batches), None)


def _is_unsettled(batch: BatchOut, after: datetime) -> bool:
    return bool(
        batch.collected
        and batch.collected.at > after
        and not _is_left_untrained(batch)
        and not _get_settled_at(batch)
    )


def _get_settled_at(batch: BatchOut) -> datetime | None:
    settled = batch.trained or batch.verdict
    return settled.at if settled else None


def _has_ended(batch: BatchOut) -> bool:
    return _is_left_untrained(batch) or (batch.verdict is not None and batch.promoted is None)


def _is_left_untrained(batch: BatchOut) -> bool:
    collected = batch.collected
    return collected is not None and (not collected.tweet_count or collected.history_only)


def _build_step(
    name: str, since: datetime | None, at: datetime | None, *, ended: bool = False, waiting: bool = False
) -> Step:
    if at:
        return Step(name, "done", since, at)
    if ended:
        return Step(name, "ended")
    return Step(name, "waiting") if waiting or since is None else Step(name, "running", since)
