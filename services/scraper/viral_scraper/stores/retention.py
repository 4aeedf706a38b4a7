"""Old tweets go a whole month at a time: a partition is dropped in milliseconds, and leaves no dead rows behind."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import text
from viral_common.database.engine import Sessions

from viral_scraper.stores.partitions import month_after, months_in, partition_of, start_of

# Who comes to read waits behind a drop that waits for readers before it: so it gives up soon, and is tried again later.
PATIENCE = "1s"


def drop_old_months(sessions: Sessions, keep: timedelta, now: datetime) -> list[date]:
    """Drop the months that ended longer than `keep` ago, but for those of batches that are younger; which were dropped.

    Batches, verdicts and all figures stay. Raises OperationalError if readers leave no gap; again goes on from there.
    """
    before = now - keep
    with sessions() as session:
        months = months_in(session)
    ended = [month for month in months if start_of(month_after(month)) <= before]
    return [month for month in ended if _dropped(sessions, month, before)]


def _dropped(sessions: Sessions, month: date, before: datetime) -> bool:
    with sessions.begin() as session:
        session.execute(text("SELECT set_config('lock_timeout', :patience, true)"), {"patience": PATIENCE})
        # Whatever is stored is stored before this, and its batch seen, or after it, in a month made anew.
        session.execute(text("LOCK TABLE ONLY tweets IN ACCESS EXCLUSIVE MODE"))
        months = {"since": start_of(month), "until": start_of(month_after(month)), "before": before}
        if session.scalar(_IN_USE, months):
            return False
        session.execute(text(f"DROP TABLE IF EXISTS {partition_of(month)}"))
    return True


# An archive's tweets may be old when they are collected: they stay as long, to be trained on.
_IN_USE = text(
    """
    SELECT EXISTS (
        SELECT FROM batches
        WHERE window_from < :until AND window_to > :since
            AND (collected_at IS NULL OR (collected_at > :before AND tweet_count > 0))
    )
    """
)
