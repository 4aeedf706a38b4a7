"""Describe what became of each batch: `GET /v1/batches`."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, Field
from viral_common.evaluation.drift import SHIFTED, STABLE
from viral_common.stores.trail import BatchTrail

from viral_gateway.api.model_schemas import Out, PromotedOut, VerdictOut
from viral_gateway.monitoring.drift import Drift, Reading

SIMULATED = "simulated"


class CollectedOut(Out):
    """The batch is complete."""

    at: datetime = Field(validation_alias="collected_at", examples=["2026-11-23T05:02:10Z"])
    tweet_count: int = Field(examples=[48_210])
    train_count: int = Field(examples=[33_700])
    validation_count: int = Field(examples=[7_200])
    test_count: int = Field(examples=[7_310])
    viral_rate: float | None = Field(description="Share with more likes than the threshold", examples=[0.44])
    filtered: dict[str, int] = Field(description="Tweets left out, by reason", examples=[{"reply": 120}])


class TrainedOut(Out):
    """A challenger was trained on it."""

    at: datetime = Field(validation_alias="trained_at", examples=["2026-11-23T05:10:30Z"])
    started_at: datetime = Field(examples=["2026-11-23T05:02:11Z"])
    model_version: int = Field(examples=[3])
    run_id: str = Field(validation_alias="mlflow_run_id", examples=["8d0f3c5a9b7e4f21a6c2d4e8f0b1a3c5"])
    metrics: dict[str, float] = Field(
        examples=[{"auc": 0.712}],
        description="On the batch's validation tweets; those on its test tweets are the verdict's",
    )


class DriftOut(BaseModel):
    """How far the batch's tweets lie from those of the batch before it."""

    reading: Reading = Field(description="stable, moving or moved; weekday and hour are left aside")
    moving_from: float = Field(default=STABLE, description="A PSI from here on is called moving")
    moved_from: float = Field(default=SHIFTED, description="A PSI from here on is called moved")
    psi: dict[str, float] = Field(
        description="Population stability index by feature", examples=[{"word_count": 0.012}]
    )

    @classmethod
    def from_indices(cls, psi: dict[str, float]) -> Self:
        """Read the drift from each feature's PSI."""
        return cls(reading=Drift.from_indices(psi).reading, psi=psi)


class BatchOut(Out):
    """One batch's trail; null where it has not come to that."""

    batch_id: UUID
    source: str = Field(description="Where its tweets came from", examples=["archive"])
    simulated: bool = Field(description="Whether its tweets are made up")
    query: str = Field(examples=["russia ukraine oil"])
    window_from: datetime = Field(examples=["2026-11-21T00:00:00Z"])
    window_to: datetime = Field(examples=["2026-11-22T00:00:00Z"])
    started_at: datetime = Field(examples=["2026-11-23T05:00:00Z"])
    target: int = Field(description="Tweets to keep", examples=[50_000])
    collected: CollectedOut | None
    drift: DriftOut | None = Field(description="Null: not compared yet, or nothing before it")
    trained: TrainedOut | None
    verdict: VerdictOut | None
    promoted: PromotedOut | None
    promotions: list[PromotedOut] = Field(
        description="Every promotion of its version, those by hand too, newest first"
    )

    @classmethod
    def from_trail(cls, trail: BatchTrail) -> Self:
        """Say the trail in the API's terms."""
        batch = trail.batch
        return cls(
            batch_id=batch.id,
            source=batch.source,
            simulated=batch.source == SIMULATED,
            query=batch.query,
            window_from=batch.window_from,
            window_to=batch.window_to,
            started_at=batch.started_at,
            target=batch.target,
            collected=CollectedOut.from_row(batch if batch.collected_at else None),
            drift=DriftOut.from_indices(batch.drift) if batch.drift else None,
            trained=TrainedOut.from_row(trail.training),
            verdict=VerdictOut.from_row(trail.verdict),
            promoted=PromotedOut.from_row(trail.promotion),
            promotions=[PromotedOut.model_validate(promotion) for promotion in trail.promotions],
        )


class Batches(BaseModel):
    """The trails of the batches, newest first."""

    batches: list[BatchOut]
