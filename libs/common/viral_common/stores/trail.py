"""Read what became of batches and versions: collected, trained, judged, promoted."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from sqlalchemy import ScalarResult, select
from sqlalchemy.orm import Session

from viral_common.database.tables import Batch, Promotion, Training, Verdict

Row = TypeVar("Row", Training, Verdict)


@dataclass(frozen=True)
class BatchTrail:
    """Hold one batch and what followed from it so far; `None` where it has not come to that."""

    batch: Batch
    training: Training | None
    verdict: Verdict | None
    promotion: Promotion | None
    """The one that its verdict led to."""
    promotions: Sequence[Promotion] = ()
    """Every one of its version, those by hand too, newest first."""


@dataclass(frozen=True)
class ModelRecord:
    """Hold one registered version, its verdict, and the promotions it got (newest first)."""

    training: Training
    verdict: Verdict | None
    promotions: Sequence[Promotion]


def read_batch_trails(session: Session, limit: int = 100, offset: int = 0) -> list[BatchTrail]:
    """Read batches, newest first, without the `offset` newest."""
    newest_first = select(Batch).order_by(Batch.started_at.desc(), Batch.window_to.desc(), Batch.id)
    batches = session.scalars(newest_first.limit(limit).offset(offset)).all()
    ids = [batch.id for batch in batches]
    trainings = _index_by_batch(
        session.scalars(select(Training).where(Training.batch_id.in_(ids)).order_by(Training.model_version))
    )
    verdicts = _index_by_batch(
        session.scalars(select(Verdict).where(Verdict.batch_id.in_(ids)).order_by(Verdict.created_at))
    )
    promotions = _read_promotions(session, [training.model_version for training in trainings.values()])
    return [
        _build_trail(batch, trainings.get(batch.id), verdicts.get(batch.id), promotions) for batch in batches
    ]


def read_model_records(session: Session, limit: int = 1000, offset: int = 0) -> list[ModelRecord]:
    """Read versions, newest first, without the `offset` newest."""
    newest_first = select(Training).order_by(Training.model_version.desc())
    trainings = session.scalars(newest_first.limit(limit).offset(offset)).all()
    versions = [training.model_version for training in trainings]
    about = select(Verdict).where(Verdict.challenger_version.in_(versions))
    verdicts = {
        verdict.challenger_version: verdict for verdict in session.scalars(about.order_by(Verdict.created_at))
    }
    promotions = _read_promotions(session, versions)
    return [ModelRecord(t, verdicts.get(t.model_version), promotions[t.model_version]) for t in trainings]


def _build_trail(
    batch: Batch,
    training: Training | None,
    verdict: Verdict | None,
    promotions: Mapping[int, Sequence[Promotion]],
) -> BatchTrail:
    of_version = promotions.get(training.model_version, ()) if training else ()
    # A rollback years later is no part of a batch's own way: only the promotion that its verdict led to.
    by_verdict = [p for p in of_version if verdict is not None and p.verdict_id == verdict.id]
    return BatchTrail(batch, training, verdict, by_verdict[0] if by_verdict else None, of_version)


def _read_promotions(session: Session, versions: Sequence[int]) -> dict[int, list[Promotion]]:
    found: dict[int, list[Promotion]] = defaultdict(list)
    own = select(Promotion).where(Promotion.model_version.in_(versions))
    for promotion in session.scalars(own.order_by(Promotion.seq.desc())):
        found[promotion.model_version].append(promotion)
    return found


def _index_by_batch(rows: ScalarResult[Row]) -> dict[UUID, Row]:
    return {row.batch_id: row for row in rows}
