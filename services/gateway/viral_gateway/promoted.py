"""A promotion as the gateway knows it: what to fetch, and what to tell those who ask."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict
from viral_common.events import ModelPromoted, Precision
from viral_common.models import Promotion


class PromotedModel(BaseModel):
    """A model version that was made the champion. Kept as JSON beside the cached artefact."""

    model_config = ConfigDict(frozen=True, protected_namespaces=())

    version: int
    promotion_seq: int
    previous_version: int | None
    run_id: str
    promoted_at: AwareDatetime
    reason: str
    metrics: dict[str, float]
    batch_id: UUID
    artifact_uri: str
    artifact_sha256: str
    precision: Precision = "fp32"
    test_count: int | None = None
    """Tweets behind the metrics, where Postgres has told."""

    @property
    def graph(self) -> tuple[str, Precision]:
        """What answers, whichever promotion it is of."""
        return self.artifact_sha256, self.precision

    @classmethod
    def of_row(cls, row: Promotion, test_count: int | None = None) -> PromotedModel:
        """From Postgres, which decides."""
        return cls(
            version=row.model_version,
            promotion_seq=row.seq,
            previous_version=row.previous_version,
            run_id=row.mlflow_run_id,
            promoted_at=row.promoted_at,
            reason=row.reason,
            metrics=row.metrics,
            batch_id=row.batch_id,
            artifact_uri=row.artifact_uri,
            artifact_sha256=row.artifact_sha256,
            precision=row.precision,
            test_count=test_count,
        )

    @classmethod
    def of_event(cls, event: ModelPromoted, heard_at: datetime) -> PromotedModel:
        """From the broker; the event does not say when, so the time it was heard stands in."""
        return cls(
            version=event.model_version,
            promotion_seq=event.promotion_seq,
            previous_version=event.previous_version,
            run_id=event.mlflow_run_id,
            promoted_at=heard_at,
            reason=event.reason,
            metrics=event.metrics,
            batch_id=event.batch_id,
            artifact_uri=event.artifact_uri,
            artifact_sha256=event.artifact_sha256,
            precision=event.precision,
        )
