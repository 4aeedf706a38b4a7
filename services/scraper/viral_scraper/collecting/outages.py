"""Record what keeps a scraper waiting: why, since when, and how long until the next attempt."""

from __future__ import annotations

import errno
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog
from viral_common.database.engine import POSTGRES_AWAY
from viral_common.errors import ViralError, summarise_error

from viral_scraper.sources.retries import draw_backoff_s

log = structlog.get_logger()

# The errors of a disk, a quota or a limit that is used up; and what Postgres calls it (class 53, disk_full).
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
POSTGRES_NO_ROOM = "53100"


@dataclass
class Outage:
    """Hold why a part of the work waits, and how many attempts in a row have failed."""

    reason: str
    since: datetime
    tries: int = 1

    def __str__(self) -> str:
        tried = f", tried {self.tries} times" if self.tries > 1 else ""
        return f"{self.reason} (since {self.since:%Y-%m-%d %H:%M} UTC{tried})"


class Outages:
    """Record the outages of a scraper's parts, one for each."""

    def __init__(self, most_s: float) -> None:
        self._most_s = most_s
        self._now: dict[str, Outage] = {}

    def describe(self) -> list[str]:
        """Describe each in one line."""
        return [str(outage) for outage in list(self._now.values())]

    def record(self, part: str, reason: str) -> float:
        """Record a failure of `part`, logged if new; return how long to wait: longer each time, up to `most_s`."""
        known = self._now.get(part)
        if known is None or known.reason != reason:
            log.warning("waiting", part=part, reason=reason)
        since, tries = (known.since, known.tries + 1) if known else (datetime.now(UTC), 1)
        self._now[part] = Outage(reason, since, tries)
        return min(self._most_s, draw_backoff_s(tries))

    def end(self, part: str) -> None:
        """Record that `part` works again."""
        if outage := self._now.pop(part, None):
            log.info("goes on", part=part, waited_s=round((datetime.now(UTC) - outage.since).total_seconds()))


def explain_error(error: Exception) -> str:
    """Explain in one line what is waited for."""
    if isinstance(error, ViralError):
        return str(error)
    if isinstance(error, POSTGRES_AWAY):
        line = summarise_error(error.orig or error)
        if getattr(error.orig, "pgcode", None) == POSTGRES_NO_ROOM:
            return f"Postgres has no room on its disk ({line}); collecting goes on when there is some"
        return f"Postgres does not answer; collecting goes on when it does ({line})"
    if is_no_room(error):
        return f"no room on the disk ({summarise_error(error)}); collecting goes on when there is some"
    return f"collecting failed and is tried again: {error!r}"


def is_no_room(error: Exception) -> bool:
    """Tell whether somebody must make room on the disk."""
    return isinstance(error, OSError) and error.errno in NO_ROOM
