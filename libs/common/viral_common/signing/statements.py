"""State what is signed: exact bytes, and a kind of its own for each, so that no signature can stand for another."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import AfterValidator, AliasChoices, AwareDatetime, BaseModel, ConfigDict, Field

from viral_common.events import Precision, Sha256

Role = Literal["trainer", "evaluator"]
KeyId = Annotated[str, Field(pattern=r"^[0-9a-f]{16}$")]


def to_utc(at: datetime) -> datetime:
    """Convert a time to UTC: the same moment must be the same bytes wherever it was read.

    Raises ValueError for one before the year 1 or after 9999 there.
    """
    try:
        return at.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("no time that a year from 1 to 9999 has in UTC") from error


UtcTime = Annotated[AwareDatetime, AfterValidator(to_utc)]


class Statement(BaseModel):
    """Say something that only one role may sign."""

    model_config = ConfigDict(frozen=True, extra="forbid", from_attributes=True, protected_namespaces=())

    kind: ClassVar[str]
    role: ClassVar[Role]

    signed_at: UtcTime

    def to_bytes(self) -> bytes:
        """Build what is signed: a line that names the kind, then JSON with sorted keys and no spaces."""
        body = json.dumps(self.model_dump(mode="json"), sort_keys=True, separators=(",", ":"))
        return f"viral-tweets {self.kind} v1\n{body}".encode()


class ArtefactStatement(Statement):
    """Say that the trainer made this artefact of this batch, because of this event."""

    kind: ClassVar[str] = "artefact"
    role: ClassVar[Role] = "trainer"

    artifact_sha256: Sha256
    event_id: UUID
    batch_id: UUID


class PromotionStatement(Statement):
    """Say that the evaluator made this version the champion; read from a promotion's row or from a `Champion`."""

    kind: ClassVar[str] = "promotion"
    role: ClassVar[Role] = "evaluator"

    promotion_seq: int = Field(validation_alias=AliasChoices("promotion_seq", "seq"))
    model_version: int
    previous_version: int | None
    batch_id: UUID
    artifact_sha256: Sha256
    precision: Precision
    signed_at: UtcTime = Field(validation_alias="promoted_at")


class ManifestSignature(BaseModel):
    """Describe manifest.sig, which lies beside the manifest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    key_id: KeyId
    statement: ArtefactStatement
    signature: Annotated[str, Field(max_length=128)]
