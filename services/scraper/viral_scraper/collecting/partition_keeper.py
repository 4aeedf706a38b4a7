"""Make the partition of each month before it begins, and drop it when it is old."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import structlog
from viral_common.database.engine import Sessions
from viral_common.errors import summarise_error

from viral_scraper.stores.partitions import (
    add_months,
    analyse_all,
    drop_old_months,
    find_month,
    find_next_month,
)

log = structlog.get_logger()

KEEP_EVERY_S = 3600.0
ANALYSE_EVERY = timedelta(days=1)


class PartitionKeeper:
    """Keep the partitions of `tweets`. Every scraper does, whatever its source; all at once is fine."""

    def __init__(self, sessions: Sessions, retention_days: int) -> None:
        """Drop nothing if `retention_days` is 0."""
        self._sessions = sessions
        self._keep = timedelta(days=retention_days)

    def run(self, stopping: threading.Event) -> None:
        """Repeat every hour until `stopping`."""
        while not stopping.is_set():
            self.keep_partitions(datetime.now(UTC))
            stopping.wait(KEEP_EVERY_S)

    def keep_partitions(self, now: datetime) -> None:
        """Make this month and the next one; drop what is beyond the retention, if there is one; note what is there.

        Raises nothing: whoever stores makes the months that are missing, and old ones can wait an hour.
        """
        try:
            this = find_month(now)
            add_months(self._sessions, [this, find_next_month(this)])
            if self._keep:
                for month in drop_old_months(self._sessions, self._keep, now):
                    log.info(
                        "month of tweets dropped", month=f"{month:%Y-%m}", retention_days=self._keep.days
                    )
            analyse_all(self._sessions, ANALYSE_EVERY)
        except Exception as error:  # noqa: BLE001  (the thread's edge: it must outlive everything)
            log.warning("months not looked after; tried again later", reason=summarise_error(error))
