"""The story of batches and versions as people read it: collected, trained, judged, promoted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ScalarResult, select
from sqlalchemy.orm import Session

from viral_common.models import Batch, Promotion, Training, Verdict

Row = TypeVar("Row", Training, Verdict)


@dataclass(frozen=True)
class BatchTrail:
    """One batch and what followed from it so far; `None` where it has not come to that."""

    batch: Batch
    training: Training | None
    verdict: Verdict | None
    promotion: Promotion | None


@dataclass(frozen=True)
class ModelRecord:
    """One registered version, what was found of it, and the promotions it got (newest first)."""

    training: Training
    verdict: Verdict | None
    promotions: Sequence[Promotion]


def batch_trails(session: Session, limit: int = 100) -> list[BatchTrail]:
    """The newest batches first."""
    batches = session.scalars(
        select(Batch).order_by(Batch.started_at.desc(), Batch.window_to.desc()).limit(limit)
    ).all()
    ids = [batch.id for batch in batches]
    trainings = _newest(
        session.scalars(select(Training).where(Training.batch_id.in_(ids)).order_by(Training.model_version))
    )
    verdicts = _newest(
        session.scalars(select(Verdict).where(Verdict.batch_id.in_(ids)).order_by(Verdict.created_at))
    )
    # A rollback years later is no part of a batch's own story: only promotions that its verdict led to.
    promoted = {
        promotion.verdict_id: promotion
        for promotion in session.scalars(
            select(Promotion)
            .join(Verdict, Verdict.id == Promotion.verdict_id)
            .where(Verdict.batch_id.in_(ids))
        )
    }
    return [
        BatchTrail(
            batch=batch,
            training=trainings.get(batch.id),
            verdict=verdicts.get(batch.id),
            promotion=promoted.get(verdicts[batch.id].id) if batch.id in verdicts else None,
        )
        for batch in batches
    ]


def model_versions(session: Session, limit: int = 1000) -> list[ModelRecord]:
    """The newest version first."""
    trainings = session.scalars(select(Training).order_by(Training.model_version.desc()).limit(limit)).all()
    verdicts = {
        verdict.challenger_version: verdict
        for verdict in session.scalars(select(Verdict).order_by(Verdict.created_at))
    }
    promotions: dict[int, list[Promotion]] = defaultdict(list)
    for promotion in session.scalars(select(Promotion).order_by(Promotion.seq.desc())):
        promotions[promotion.model_version].append(promotion)
    return [ModelRecord(t, verdicts.get(t.model_version), promotions[t.model_version]) for t in trainings]


def _newest(rows: ScalarResult[Row]) -> dict[UUID, Row]:
    return {row.batch_id: row for row in rows}
