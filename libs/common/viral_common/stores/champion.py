"""Describe the champion: one value for its row, its event, a gateway's cache and the API's edge."""

from __future__ import annotations

from uuid import UUID

from pydantic import AwareDatetime, BaseModel, ConfigDict

from viral_common.database.tables import Promotion
from viral_common.events import ModelPromoted, Precision, Reason


class Champion(BaseModel):
    """Hold a promotion: which artefact serves, and why. Kept as JSON beside a gateway's cached artefact."""

    model_config = ConfigDict(frozen=True, from_attributes=True, protected_namespaces=())

    event_id: UUID
    model_version: int
    previous_version: int | None
    promotion_seq: int
    mlflow_run_id: str
    batch_id: UUID
    artifact_uri: str
    artifact_sha256: str
    precision: Precision = "fp32"
    verdict_id: UUID | None = None
    reason: Reason
    note: str = ""
    metrics: dict[str, float]
    promoted_at: AwareDatetime
    test_count: int | None = None
    """Test tweets behind the metrics, if a verdict counted them."""
    signed_by: str | None = None
    signature: str | None = None

    @property
    def graph(self) -> tuple[str, Precision]:
        """What answers, whichever promotion it is of."""
        return self.artifact_sha256, self.precision

    @classmethod
    def from_row(cls, row: Promotion, test_count: int | None = None) -> Champion:
        """Build from a promotion's row, which alone decides."""
        columns = {column.key: getattr(row, column.key) for column in Promotion.__table__.columns}
        return cls(promotion_seq=columns.pop("seq"), test_count=test_count, **columns)

    def to_event(self) -> ModelPromoted:
        """Build the event that announces it."""
        named = self.model_dump(include=set(ModelPromoted.model_fields))
        return ModelPromoted(id=self.event_id, **named)
