"""Drop old tweets a whole month at a time: a partition goes in milliseconds, and leaves no unused rows behind."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from sqlalchemy import text
from viral_common.database.engine import Sessions

from viral_scraper.stores.partitions import find_month_start, find_next_month, list_months, name_partition

# Who comes to read waits behind a drop that waits for readers before it: so it gives up soon, and is tried again later.
LOCK_TIMEOUT = "1s"


def drop_old_months(sessions: Sessions, keep: timedelta, now: datetime) -> list[date]:
    """Drop the months that ended longer than `keep` ago, but for those of batches that are younger; which were dropped.

    Batches, verdicts and all figures stay. Raises OperationalError if readers leave no gap; again goes on from there.
    """
    before = now - keep
    with sessions() as session:
        months = list_months(session)
    ended = [month for month in months if find_month_start(find_next_month(month)) <= before]
    return [month for month in ended if _try_drop(sessions, month, before)]


def _try_drop(sessions: Sessions, month: date, before: datetime) -> bool:
    with sessions.begin() as session:
        session.execute(text("SELECT set_config('lock_timeout', :timeout, true)"), {"timeout": LOCK_TIMEOUT})
        # Whatever is stored is stored before this, and its batch seen, or after it, in a month made anew.
        session.execute(text("LOCK TABLE ONLY tweets IN ACCESS EXCLUSIVE MODE"))
        months = {
            "since": find_month_start(month),
            "until": find_month_start(find_next_month(month)),
            "before": before,
        }
        if session.scalar(_IN_USE, months):
            return False
        session.execute(text(f"DROP TABLE IF EXISTS {name_partition(month)}"))
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
