"""Count rows and values that cannot be used, named by file and line, never fatal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

log = structlog.get_logger()

# So many are named for each reason; the rest are only counted.
NAMED = 5
# One after the other, without a tweet between them: some seconds' work, and four kilobytes can hold many times as many.
MOST_RUNNING = 200_000
UNKNOWN = "{}: taken as unknown"


class NoTweets(Exception):
    """Say that a file has had so many bad rows since its last tweet that the rest is not worth reading."""


class BadRow(ValueError):
    """Say why a row is unusable; the text is the reason, worded alike for alike rows so that they can be counted."""


class BadRows:
    """Collect what was wrong with an archive: totals by reason, and for each the first places."""

    def __init__(self, log_places: bool = True) -> None:
        self._log_places = log_places
        self.by_reason: Counter[str] = Counter()
        """Rows that are left out, and values that are taken as unknown in rows that are not."""
        self.rows = 0
        """Those left out alone."""
        self.places: dict[str, list[str]] = {}
        self.running = 0
        """Since the last tweet of the file that is read."""

    @property
    def first_place(self) -> str | None:
        """`file:line: reason` of the one found first."""
        return next((f"{places[0]}: {reason}" for reason, places in self.places.items()), None)

    def add(self, path: Path, line: int, reason: str) -> None:
        """Count a row, and name it if it is among the first with that reason. Raises NoTweets."""
        self.by_reason[reason] += 1
        self.rows += 1
        self._name(f"{path}:{line}", reason, "row left out")
        self.running += 1
        if self.running == MOST_RUNNING:
            raise NoTweets(f"{MOST_RUNNING:,} bad rows and no tweet among them; the rest is not read")

    def add_value(self, path: Path, line: int, reason: str) -> None:
        """Count a value that cannot be used, and name its row, which is kept, likewise."""
        count_unknown(self.by_reason, reason)
        self._name(f"{path}:{line}", UNKNOWN.format(reason), "value left out")

    def add_all(self, by_reason: Mapping[str, int], rows: int, places: Mapping[str, Sequence[str]]) -> None:
        """Count and name what was found in another part of the archive."""
        self.by_reason.update(by_reason)
        self.rows += rows
        for reason, found in places.items():
            for place in found:
                self._name(place, reason, "left out")

    def _name(self, place: str, reason: str, event: str) -> None:
        places = self.places.setdefault(reason, [])
        if len(places) < NAMED:
            places.append(place)
            if self._log_places:
                log.warning(event, place=place, reason=reason)


def count_unknown(counts: Counter[str], reason: str) -> None:
    """Count a value that cannot be used, of a tweet that can."""
    counts[UNKNOWN.format(reason)] += 1


def summarise_bad_rows(by_reason: Mapping[str, int]) -> str:
    """Sum them up: `3 bad rows (2 broken JSON, 1 no id)`."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(by_reason).most_common())
    return f"{sum(by_reason.values())} bad rows" + (f" ({reasons})" if reasons else "")
