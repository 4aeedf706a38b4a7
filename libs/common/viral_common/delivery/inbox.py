"""Record events before they are acknowledged, claim them under a lease, settle them once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from viral_common.database.tables import InboxEvent
from viral_common.events import CloudEvent
from viral_common.tweets.text import clean

# A handler that takes its whole process down with it is given up some day. A host that is taken away every five minutes
# gets there after three days (docs/decisions/0029).
KILL_LIMIT = 1_000


class LeaseLost(Exception):
    """Report that another worker took the event over meanwhile; what this one did must not count."""


@dataclass(frozen=True)
class Claim:
    """Hold an event that this worker claimed. `owner` is new with each claim, so a late worker cannot settle it."""

    service: str
    owner: str
    cloud_event: CloudEvent
    body: bytes
    claims: int
    failures: int


def record(session: Session, service: str, cloud_event: CloudEvent, body: bytes, *, replayed: bool) -> bool:
    """Store an event, unless it is here already; a replay wakes a dead-lettered one. True if there is new work."""
    event = cloud_event.to_event()
    statement = insert(InboxEvent).values(
        service=service, event_id=cloud_event.id, type=cloud_event.type, batch_id=event.batch_id, body=body
    )
    if replayed:
        statement = statement.on_conflict_do_update(
            index_elements=[InboxEvent.service, InboxEvent.event_id],
            set_={"state": "pending", "claims": 0, "failures": 0, "due_at": func.clock_timestamp()},
            where=InboxEvent.state == "dead-lettered",
        )
    else:
        statement = statement.on_conflict_do_nothing()
    return session.execute(statement.returning(InboxEvent.event_id)).first() is not None


def claim(session: Session, service: str, owner: str, lease_s: float) -> Claim | None:
    """Take the oldest event that is due, or whose worker is gone; other workers skip it for `lease_s` seconds.

    One whose worker was killed lets all others go first: it may be what kills.
    """
    now = func.clock_timestamp()
    row = session.scalars(
        select(InboxEvent)
        .where(
            InboxEvent.service == service,
            or_(
                and_(InboxEvent.state == "pending", InboxEvent.due_at <= now),
                and_(InboxEvent.state == "running", InboxEvent.lease_until < now),
            ),
        )
        .order_by(InboxEvent.claims - InboxEvent.failures, InboxEvent.received_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    ).first()
    if row is None:
        return None
    row.state, row.lease_owner, row.claims = "running", owner, row.claims + 1
    row.lease_until = _compute_time_in(lease_s)
    session.flush()
    return Claim(service, owner, CloudEvent.model_validate_json(row.body), row.body, row.claims, row.failures)


def renew(session: Session, held: Claim, lease_s: float) -> None:
    """Hold on to it for another `lease_s` seconds. Raises LeaseLost."""
    _settle(session, held, lease_until=_compute_time_in(lease_s))


def finish(session: Session, held: Claim) -> None:
    """Mark it done. Raises LeaseLost, so the caller's transaction with the caused events is rolled back."""
    _settle(session, held, state="done", finished_at=func.clock_timestamp(), last_error=None)


def retry(session: Session, held: Claim, error: str, after_s: float) -> None:
    """Count a failure; it is due again in `after_s` seconds."""
    _settle(
        session,
        held,
        state="pending",
        due_at=_compute_time_in(after_s),
        last_error=clean(error),
        failures=held.failures + 1,
    )


def defer(session: Session, held: Claim, why: str, after_s: float) -> None:
    """Let it wait for something else; not a failure, so this claim does not count."""
    _settle(
        session,
        held,
        state="pending",
        due_at=_compute_time_in(after_s),
        last_error=clean(why),
        claims=held.claims - 1,
    )


def dead_letter(session: Session, held: Claim, error: str) -> None:
    """Give it up; only a replay brings it back."""
    _settle(session, held, state="dead-lettered", finished_at=func.clock_timestamp(), last_error=clean(error))


def _compute_time_in(seconds: float) -> ColumnElement[datetime]:
    # The database's clock: hosts need not agree on the time.
    return func.clock_timestamp() + timedelta(seconds=seconds)


def _settle(session: Session, held: Claim, **values: object) -> None:
    settled = session.execute(
        update(InboxEvent)
        .where(
            InboxEvent.service == held.service,
            InboxEvent.event_id == held.cloud_event.id,
            InboxEvent.state == "running",
            InboxEvent.lease_owner == held.owner,
        )
        .values(**values)
        .returning(InboxEvent.event_id)
    ).first()
    if settled is None:
        raise LeaseLost(str(held.cloud_event.id))
