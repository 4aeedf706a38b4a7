"""The order of training: batches of a source are trained one after the other (docs/decisions/0010)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Self

from viral_gateway.api.batch_schemas import BatchOut


@dataclass(frozen=True)
class Place:
    """Whether a batch's training waits for an earlier batch, and when the batch before it was settled."""

    waits: bool = False
    since: datetime | None = None

    @classmethod
    def of(cls, batch: BatchOut, among: Sequence[BatchOut], now: datetime, order_wait: timedelta) -> Self:
        """As the trainer decides it: what was collected more than `order_wait` ago is not waited for."""
        earlier = [one for one in among if one.source == batch.source and one.window_to < batch.window_to]
        return cls(
            any(_is_unsettled(one, now - order_wait) for one in earlier),
            max((at for one in earlier if (at := _settled_at(one))), default=None),
        )


def on_its_way(batches: Sequence[BatchOut]) -> BatchOut | None:
    """Of the newest batches, newest first, the one that will bring the first model; else the newest."""
    open_ones = [batch for batch in batches if not _has_ended(batch)]
    return open_ones[-1] if open_ones else next(iter(batches), None)


def _is_unsettled(batch: BatchOut, after: datetime) -> bool:
    collected = batch.collected
    return bool(collected and collected.tweet_count and collected.at > after and not _settled_at(batch))


def _settled_at(batch: BatchOut) -> datetime | None:
    settled = batch.trained or batch.verdict
    return settled.at if settled else None


def _has_ended(batch: BatchOut) -> bool:
    empty = batch.collected is not None and not batch.collected.tweet_count
    return empty or (batch.verdict is not None and batch.promoted is None)
