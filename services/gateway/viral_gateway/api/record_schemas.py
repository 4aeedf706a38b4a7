"""Describe what became of each version and batch: `GET /v1/models` and `GET /v1/batches`."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from viral_common.evaluation.drift import SHIFTED, STABLE
from viral_common.events import Outcome, Precision, Reason
from viral_common.stores.champion import Champion
from viral_common.stores.trail import BatchTrail, ModelRecord

from viral_gateway.monitoring.drift import Drift, Reading

SIMULATED = "simulated"


class Out(BaseModel):
    """Made from a row of Postgres."""

    model_config = ConfigDict(from_attributes=True, protected_namespaces=())

    @classmethod
    def from_row(cls, row: object | None) -> Self | None:
        """Take the row's columns; None for none."""
        return cls.model_validate(row) if row else None


class VerdictOut(Out):
    """How challenger and champion compared on the batch's test tweets."""

    id: UUID
    outcome: Outcome = Field(
        description="promoted, kept, untrainable, unscorable or failed", examples=["promoted"]
    )
    reason: str = Field(
        description="One sentence for people",
        examples=["Version 3 beats version 2 by 0.012 AUC (95% interval 0.004 to 0.021)."],
    )
    rule: str = Field(description="The test that decided", examples=["paired bootstrap of AUC"])
    at: datetime = Field(
        validation_alias="created_at", description="When it was decided", examples=["2026-11-23T05:12:43Z"]
    )
    test_count: int = Field(description="Tweets that both were scored on", examples=[7_310])
    challenger_version: int | None = Field(examples=[3])
    champion_version: int | None = Field(examples=[2])
    challenger_metrics: dict[str, float] = Field(
        description="On the batch's test tweets", examples=[{"auc": 0.701}]
    )
    champion_metrics: dict[str, float] = Field(description="On the same tweets", examples=[{"auc": 0.689}])
    interval_low: float | None = Field(
        description="Challenger minus champion, lower end of the interval", examples=[0.004]
    )
    interval_high: float | None = Field(description="The upper end", examples=[0.021])
    confidence: float | None = Field(description="Of the interval", examples=[0.95])


class PromotedOut(Out):
    """A promotion of a version."""

    promotion_seq: int = Field(validation_alias="seq", examples=[4])
    at: datetime = Field(
        validation_alias="promoted_at", description="When", examples=["2026-11-23T05:12:44Z"]
    )
    reason: Reason = Field(description="first, better or manual", examples=["better"])
    precision: Precision = Field(description="In which the version serves: fp32 or int8")
    note: str = Field(description="Why, when promoted by hand", examples=[""])


class ModelVersion(Out):
    """A registered version, its verdict and its promotions, newest first."""

    version: int = Field(examples=[3])
    run_id: str = Field(examples=["8d0f3c5a9b7e4f21a6c2d4e8f0b1a3c5"])
    batch_id: UUID
    artifact_uri: str = Field(examples=["models:/m-5d1c0a/artefact"])
    artifact_sha256: str = Field(
        examples=["9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"]
    )
    trained_at: datetime = Field(examples=["2026-11-23T05:10:30Z"])
    metrics: dict[str, float] = Field(
        description="The same as `validation_metrics`", examples=[{"auc": 0.712}]
    )
    validation_metrics: dict[str, float] = Field(
        description="On its batch's validation tweets, which chose the best epoch", examples=[{"auc": 0.712}]
    )
    test_metrics: dict[str, float] | None = Field(
        description="On its batch's test tweets, which it never saw: those of its verdict; null: not scored",
        examples=[{"auc": 0.701, "auc_low": 0.688, "auc_high": 0.714}],
    )
    verdict: VerdictOut | None
    promotions: list[PromotedOut]
    champion: bool = Field(description="Whether it is the champion now", examples=[True])

    @classmethod
    def from_record(cls, record: ModelRecord, champion_seq: int) -> Self:
        """Take a version's rows; `champion_seq` is the newest promotion's."""
        training = record.training
        return cls(
            version=training.model_version,
            run_id=training.mlflow_run_id,
            batch_id=training.batch_id,
            artifact_uri=training.artifact_uri,
            artifact_sha256=training.artifact_sha256,
            trained_at=training.trained_at,
            metrics=training.metrics,
            validation_metrics=training.metrics,
            test_metrics=(record.verdict and record.verdict.challenger_metrics) or None,
            verdict=VerdictOut.from_row(record.verdict),
            promotions=[PromotedOut.model_validate(promotion) for promotion in record.promotions],
            champion=any(promotion.seq == champion_seq for promotion in record.promotions),
        )


class Models(BaseModel):
    """Versions, newest first."""

    models: list[ModelVersion]

    @classmethod
    def from_records(cls, records: list[ModelRecord], champion: Champion | None) -> Self:
        """Take the rows; `champion` is the newest promotion of all, whether or not it is of one of these."""
        newest = champion.promotion_seq if champion else 0
        return cls(models=[ModelVersion.from_record(record, newest) for record in records])


class CollectedOut(Out):
    """The batch is complete."""

    at: datetime = Field(validation_alias="collected_at", examples=["2026-11-23T05:02:10Z"])
    tweet_count: int = Field(examples=[48_210])
    train_count: int = Field(examples=[33_700])
    validation_count: int = Field(examples=[7_200])
    test_count: int = Field(examples=[7_310])
    viral_rate: float | None = Field(description="Share with more likes than the threshold", examples=[0.44])
    filtered: dict[str, int] = Field(description="Tweets left out, by reason", examples=[{"reply": 120}])
    history_only: bool = Field(
        description="Stored for its authors' pasts alone: nobody trains on it", examples=[False]
    )


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
