"""Keep tweets in one partition a month (UTC) of `posted_at`: old months are dropped whole, new ones made when needed.

(source, external_id) stays unique: a tweet's time is part of what it is, and most sources read it from the id. Postgres
would want the time in a key of the whole table, so each month has a key of its own; storing looks for a tweet around
the time it has, and never moves one to another time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.database.tables import PARTITION_NAME

# What Postgres says of a row that fits no partition, and of one that breaks a check; only the check has a name.
CHECK_VIOLATION = "23514"
# Who comes to read waits behind a drop that waits for readers before it: so it gives up soon, and is tried again later.
LOCK_TIMEOUT = "1s"
Done = TypeVar("Done")


def find_month(moment: datetime) -> date:
    """Find the first day of its month in UTC."""
    return moment.astimezone(UTC).date().replace(day=1)


def find_next_month(month: date) -> date:
    return (month + timedelta(days=31)).replace(day=1)


def find_month_start(month: date) -> datetime:
    return datetime(month.year, month.month, 1, tzinfo=UTC)


def list_months(session: Session) -> list[date]:
    """List those that have a partition, oldest first."""
    names = session.scalars(
        text(
            "SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid "
            "WHERE i.inhparent = 'tweets'::regclass ORDER BY c.relname"
        )
    )
    matches = (PARTITION_NAME.fullmatch(name) for name in names)
    return [date(int(match[1]), int(match[2]), 1) for match in matches if match]


def add_months(sessions: Sessions, months: Iterable[date]) -> None:
    """Make the partitions that are missing, in a transaction of its own; whoever comes second finds them made."""
    with sessions() as session:
        missing = set(months) - set(list_months(session))
    if missing:
        with sessions.begin() as session:
            for month in sorted(missing):
                session.execute(text("SELECT add_tweets_month(:month)"), {"month": month})


def drop_old_months(sessions: Sessions, keep: timedelta, now: datetime) -> list[date]:
    """Drop the months that ended longer than `keep` ago, but for those of batches that are younger; which were dropped.

    Batches, verdicts and all figures stay. Raises OperationalError if readers leave no gap; again goes on from there.
    """
    before = now - keep
    with sessions() as session:
        months = list_months(session)
    ended = [month for month in months if find_month_start(find_next_month(month)) <= before]
    return [month for month in ended if _try_drop(sessions, month, before)]


def analyse_all(sessions: Sessions, not_within: timedelta) -> bool:
    """Gather statistics of all months together, unless that was done lately; whether it was done.

    Autovacuum looks at each month alone, and a plan over all of them guesses wildly from that.
    """
    with sessions() as session:
        due = bool(session.scalar(_NOT_LOOKED_OVER, {"not_within": not_within}))
    if due:
        with sessions.begin() as session:
            session.execute(text("SELECT analyse_tweets()"))
    return due


def run_with_months(
    sessions: Sessions, times: Callable[[], Iterable[datetime]], work: Callable[[Session], Done]
) -> Done:
    """Run `work` in one transaction, and again if a month of its tweets' `times` had no partition yet."""
    try:
        with sessions.begin() as session:
            return work(session)
    except IntegrityError as error:
        if not _is_missing_month(error):
            raise
    add_months(sessions, set(map(find_month, times())))
    with sessions.begin() as session:
        return work(session)


_NOT_LOOKED_OVER = text(
    "SELECT coalesce(last_analyze, '-infinity') < now() - :not_within FROM pg_stat_user_tables "
    "WHERE relid = 'tweets'::regclass"
)


def _try_drop(sessions: Sessions, month: date, before: datetime) -> bool:
    with sessions.begin() as session:
        session.execute(text("SELECT set_config('lock_timeout', :timeout, true)"), {"timeout": LOCK_TIMEOUT})
        dropped = text("SELECT drop_tweets_month(:month, :before)")
        return bool(session.scalar(dropped, {"month": month, "before": before}))


def _is_missing_month(error: IntegrityError) -> bool:
    refused: Any = error.orig
    return refused.pgcode == CHECK_VIOLATION and refused.diag.constraint_name is None
