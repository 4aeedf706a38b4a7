"""A promotion as the gateway knows it: what to fetch, and what to tell those who ask."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from pydantic import AwareDatetime, BaseModel, ConfigDict
from viral_common.artefact.files import ArtefactSpec
from viral_common.database.tables import Promotion
from viral_common.errors import ViralError
from viral_common.events import ModelPromoted, Precision
from viral_common.tweets.features import TweetInput


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


NOTHING_PROMOTED = "no model has been promoted yet"


class NoModelYet(ViralError):
    """Nothing was promoted so far, or it could not be fetched yet."""


class Scorer(Protocol):
    """What the gateway needs of a loaded model; `viral_common.artefact.predictor.Predictor` is one."""

    spec: ArtefactSpec

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]: ...


@dataclass(frozen=True)
class Serving:
    """A promotion and its loaded model. A request takes one and keeps it, so its reply is of one version."""

    model: PromotedModel
    scorer: Scorer
    from_cache: bool = False
    """Restored at start and not confirmed by Postgres since."""


@dataclass(frozen=True)
class Refusal:
    """A promoted artefact that may not serve, and why, in one line."""

    version: int
    promotion_seq: int
    reason: str
    refused_at: datetime


class ModelHolder:
    """The current Serving. Readers take the reference once; only the swapper sets it."""

    def __init__(self) -> None:
        self.current: Serving | None = None
        self.refused: Refusal | None = None
        self.obstacle: str | None = None
        """While none serves: what keeps a promoted one from it. None: nothing is known to be promoted."""

    @property
    def missing(self) -> str:
        """Why none serves, in words."""
        return self.obstacle or NOTHING_PROMOTED

    def serving(self) -> Serving:
        """Raises NoModelYet."""
        if self.current is None:
            raise NoModelYet(as_sentence(self.missing))
        return self.current


def as_sentence(words: str) -> str:
    """`no model` -> `No model.`"""
    return f"{words[0].upper()}{words[1:]}."
