"""Make the partition of each month before it begins, and drop it when it is old."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import structlog
from viral_common.database.engine import Sessions
from viral_common.errors import summarise_error

from viral_scraper.stores import partitions

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
        """Make this month and the next one; drop what is beyond the retention, if there is one; and gather statistics.

        Raises nothing: whoever stores makes the months that are missing, and old ones can wait an hour.
        """
        try:
            this = partitions.find_month(now)
            partitions.add_months(self._sessions, [this, partitions.find_next_month(this)])
            if self._keep:
                for month in partitions.drop_old_months(self._sessions, self._keep, now):
                    log.info("month of tweets dropped", month=f"{month:%Y-%m}", kept_days=self._keep.days)
            partitions.analyse_all(self._sessions, ANALYSE_EVERY)
        except Exception as error:  # noqa: BLE001  (the thread's edge: it must outlive everything)
            log.warning("partitions not kept up; tried again later", reason=summarise_error(error))
