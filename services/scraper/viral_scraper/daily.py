"""Parse a time of day to collect at: `05:00`, or `05:00 Europe/Berlin`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from apscheduler.triggers.cron import CronTrigger

_TIME = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)(?:\s+(\S+))?")
_A_MOMENT = timedelta(microseconds=1)


class Daily:
    """Compute when daily runs are due. When the last run was is in Postgres, where every scraper sees it.

    So a run that was missed is caught up once, by whoever runs next, however many days were missed.
    """

    def __init__(self, at: str, jitter_s: float = 0) -> None:
        """Parse the time. Raises ValueError for what is none."""
        match = _TIME.fullmatch(at.strip())
        if not match:
            raise ValueError(f"{at!r} is no time of day; write 05:00 or 05:00 Europe/Berlin")
        hour, minute, zone = match.groups()
        self._trigger = CronTrigger(
            hour=hour, minute=minute, timezone=_parse_zone(zone), jitter=jitter_s or None
        )

    def compute_next_after(self, moment: datetime) -> datetime:
        """Compute when the first run after `moment` is due: at that time of day or, with jitter, a little later."""
        due: datetime = self._trigger.get_next_fire_time(None, moment + _A_MOMENT)
        return due.astimezone(UTC)


def _parse_zone(name: str | None) -> tzinfo:
    if name in (None, "UTC", "Z"):
        return UTC
    try:
        return ZoneInfo(str(name))
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name} is no time zone; write UTC, or one such as Europe/Berlin") from error
