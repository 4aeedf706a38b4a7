"""Record and find trainings, verdicts and promotions, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from uuid import UUID

from sqlalchemy import exists, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from viral_common.database.tables import Batch, Candidate, Promotion, Training, Verdict
from viral_common.errors import Unusable

# Whoever decides about the champion holds this lock; the number is arbitrary but fixed.
PROMOTION_LOCK = 7_201_734
# Above every row that is there, and without a gap: whoever asks holds the lock.
_NEXT_PROMOTION = text("SELECT coalesce(max(seq), 0) + 1, clock_timestamp() FROM promotions")


def record_training(session: Session, training: Training) -> None:
    """Store a registered version; the same event again changes nothing. Raises Unusable for another event's version."""
    _insert_once(session, Training, training)
    stored = find_training_by_version(session, training.model_version)
    if stored is not None and stored.event_id != training.event_id:
        raise Unusable(
            f"version {training.model_version} is of batch {stored.batch_id} here: VIRAL_MLFLOW_URL and "
            "VIRAL_DATABASE_URL name servers that do not belong together"
        )


def record_candidate(session: Session, candidate: Candidate) -> None:
    """Store what was exported for an event; a later export of the same event takes its place."""
    session.merge(candidate)


def find_training(session: Session, event_id: UUID) -> Training | None:
    """Find the training that the batch.collected event `event_id` led to."""
    return session.get(Training, event_id)


def find_training_by_version(session: Session, version: int) -> Training | None:
    """Find the training that registered `version`."""
    return session.scalars(select(Training).where(Training.model_version == version)).one_or_none()


def list_versions(session: Session) -> list[int]:
    """List every registered version, newest first."""
    return list(session.scalars(select(Training.model_version).order_by(Training.model_version.desc())))


def record_drift(session: Session, batch_id: UUID, drift: Mapping[str, float]) -> None:
    """Store how far the batch lies from the one before it, by feature; again replaces it."""
    session.execute(update(Batch).where(Batch.id == batch_id).values(drift=dict(drift)))


def find_unsettled_batches(session: Session, batch: Batch, wait: timedelta) -> list[UUID]:
    """Find earlier batches of the source, collected less than `wait` ago, with neither a version nor a verdict."""
    return list(
        session.scalars(
            select(Batch.id)
            .where(
                Batch.source == batch.source,
                Batch.window_to < batch.window_to,
                Batch.tweet_count > 0,
                ~Batch.history_only,
                Batch.collected_at > func.now() - wait,
                ~exists().where(Training.batch_id == Batch.id),
                ~exists().where(Verdict.batch_id == Batch.id),
            )
            .order_by(Batch.window_to)
        )
    )


def find_unjudged_versions(session: Session, version: int, wait: timedelta) -> list[int]:
    """Find lower versions, trained less than `wait` ago, that have no verdict."""
    return list(
        session.scalars(
            select(Training.model_version)
            .where(
                Training.model_version < version,
                Training.trained_at > func.now() - wait,
                ~exists().where(Verdict.challenger_version == Training.model_version),
            )
            .order_by(Training.model_version)
        )
    )


def record_verdict(session: Session, verdict: Verdict) -> Verdict:
    """Store a verdict, and return what is stored: a `failed` one gives way to a real one, else the first stays."""
    earlier = find_verdict(session, verdict.event_id)
    if earlier is not None and earlier.outcome == "failed":
        session.delete(earlier)
        session.flush()
    _insert_once(session, Verdict, verdict)
    return session.scalars(select(Verdict).where(Verdict.event_id == verdict.event_id)).one()


def find_verdict(session: Session, event_id: UUID) -> Verdict | None:
    """Find the verdict that the event `event_id` led to."""
    return session.scalars(select(Verdict).where(Verdict.event_id == event_id)).one_or_none()


def find_verdict_by_version(session: Session, version: int) -> Verdict | None:
    """Find the newest verdict about `version`."""
    newest = select(Verdict).where(Verdict.challenger_version == version).order_by(Verdict.created_at.desc())
    return session.scalars(newest.limit(1)).first()


def find_champion(session: Session) -> Promotion | None:
    """Find the newest promotion."""
    return session.scalars(select(Promotion).order_by(Promotion.seq.desc()).limit(1)).first()


def count_test_tweets(session: Session, promotion: Promotion) -> int | None:
    """Count the test tweets that the promotion's metrics come from: those of its version's newest verdict."""
    return session.scalars(
        select(Verdict.test_count)
        .where(Verdict.challenger_version == promotion.model_version, Verdict.test_count > 0)
        .order_by(Verdict.created_at.desc())
        .limit(1)
    ).first()


def find_replaced_promotion(session: Session) -> Promotion | None:
    """Find the promotion that the newest one replaced."""
    return session.scalars(select(Promotion).order_by(Promotion.seq.desc()).offset(1).limit(1)).first()


def lock_promotions(session: Session) -> None:
    """Lock out, until this transaction ends, everybody else who would decide about the champion."""
    session.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": PROMOTION_LOCK})


def find_promotion(session: Session, event_id: UUID) -> Promotion | None:
    """Find the promotion that was announced as the event `event_id`."""
    return session.scalars(select(Promotion).where(Promotion.event_id == event_id)).one_or_none()


def add_promotion(
    session: Session, promotion: Promotion, sign: Callable[[Promotion], tuple[str, str]] | None = None
) -> Promotion:
    """Make a version the champion; returned with its `seq` and time, which `sign` signs. Hold `lock_promotions`."""
    promotion.seq, promotion.promoted_at = session.execute(_NEXT_PROMOTION).one()
    if sign is not None:
        promotion.signed_by, promotion.signature = sign(promotion)
    session.add(promotion)
    session.flush()
    session.refresh(promotion)
    return promotion


def list_promotions(session: Session) -> Sequence[Promotion]:
    """List all promotions, newest first."""
    return session.scalars(select(Promotion).order_by(Promotion.seq.desc())).all()


def _insert_once(session: Session, table: type[Training] | type[Verdict], row: Training | Verdict) -> None:
    values = {
        column.key: getattr(row, column.key)
        for column in table.__table__.columns
        if getattr(row, column.key) is not None
    }
    session.execute(insert(table).values(values).on_conflict_do_nothing())
