"""Record who did what by hand, and check that nobody changed the record since."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import String, cast, select, text
from sqlalchemy.orm import Session

from viral_common.database.engine import Sessions
from viral_common.database.tables import AuditEntry
from viral_common.errors import summarise_error

_RECORD = text(
    """
    SELECT record_audit(
        :os_user, :person, :action, :subject, CAST(:before AS jsonb), CAST(:after AS jsonb), :reason
    )
    """
)


def record_act(
    session: Session,
    action: str,
    subject: str,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    reason: str = "",
    person: str | None = None,
) -> None:
    """Add a row in the caller's transaction. Last of all in it: until it ends, nobody else can add one."""
    values = {
        "os_user": _find_os_user(),
        # Whoever became another user by sudo.
        "person": person or os.environ.get("SUDO_USER"),
        "action": action,
        "subject": subject,
        "before": None if before is None else json.dumps(before),
        "after": None if after is None else json.dumps(after),
        "reason": reason,
    }
    session.execute(_RECORD, values)


def record_elsewhere(sessions: Sessions, action: str, subject: str, **more: Any) -> str | None:
    """Record what was done outside Postgres; returns in words why it could not be recorded, if it could not."""
    try:
        with sessions.begin() as session:
            record_act(session, action, subject, **more)
    except Exception as error:  # noqa: BLE001  (it is done: the person is to know, whatever the fault)
        return summarise_error(error)
    return None


def read_newest_acts(session: Session, limit: int) -> Sequence[AuditEntry]:
    """Read the newest rows first."""
    return session.scalars(select(AuditEntry).order_by(AuditEntry.seq.desc()).limit(limit)).all()


@dataclass(frozen=True)
class ChainCheck:
    """Hold what a walk along the chain found."""

    count: int
    newest_hash: str | None
    broken: str | None
    """The first broken link in words; None if the chain is whole."""


def verify_chain(session: Session, expected_hash: str | None = None) -> ChainCheck:
    """Walk the chain from the first row, up to a broken link; `expected_hash`, noted earlier, must be in it."""
    before, after = (cast(column, String) for column in (AuditEntry.before, AuditEntry.after))
    entries = select(AuditEntry, before.label("before_text"), after.label("after_text"))
    rows = session.execute(entries.order_by(AuditEntry.seq).execution_options(yield_per=1000))
    count, newest, met = 0, None, expected_hash is None
    for entry, before_text, after_text in rows:
        if broken := _find_break(entry, before_text, after_text, count, newest):
            return ChainCheck(count, newest, broken)
        count, newest = count + 1, entry.hash
        met = met or newest == expected_hash
    return ChainCheck(
        count,
        newest,
        None if met else f"no row has the hash {expected_hash}: the end was cut off or rewritten",
    )


def _find_break(
    entry: AuditEntry, before: str | None, after: str | None, count: int, newest: str | None
) -> str | None:
    if entry.seq != count + 1:
        return f"row {count + 1} is missing"
    if entry.previous_hash != newest:
        return f"row {entry.seq} does not continue row {count}"
    return None if entry.hash == _compute_hash(entry, before, after) else f"row {entry.seq} was changed"


def _compute_hash(entry: AuditEntry, before: str | None, after: str | None) -> str:
    """Compute it as the function `record_audit` does, of texts with their lengths before them."""
    fields = (
        str(entry.seq),
        f"{entry.at:%Y-%m-%dT%H:%M:%S.%fZ}",
        entry.role,
        entry.os_user,
        entry.person,
        entry.action,
        entry.subject,
        before,
        after,
        entry.reason,
        entry.previous_hash,
    )
    sized = ("-" if field is None else f"{len(field.encode())}:{field}" for field in fields)
    return hashlib.sha256(",".join(sized).encode()).hexdigest()


def _find_os_user() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's user may have no name
        return str(os.getuid())
