"""Describe what became of each version: `GET /v1/models`."""

from __future__ import annotations

from datetime import datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from viral_common.events import Outcome, Precision, Reason
from viral_common.stores.champion import Champion
from viral_common.stores.trail import ModelRecord


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
