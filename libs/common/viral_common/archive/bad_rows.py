"""Count rows that cannot be used, named by file and line, never fatal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import structlog

log = structlog.get_logger()

# So many are named for each reason; the rest are only counted.
NAMED = 5


class BadRow(ValueError):
    """Say why a row is unusable; the text is the reason, worded alike for alike rows so that they can be counted."""


class BadRows:
    """Collect what was wrong with an archive: totals by reason, and for each the first places."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self.places: dict[str, list[str]] = {}

    @property
    def first_place(self) -> str | None:
        """`file:line: reason` of the one found first."""
        return next((f"{places[0]}: {reason}" for reason, places in self.places.items()), None)

    def add(self, path: Path, line: int, reason: str) -> None:
        """Count a row, and name it if it is among the first with that reason."""
        self.by_reason[reason] += 1
        places = self.places.setdefault(reason, [])
        if len(places) < NAMED:
            places.append(f"{path}:{line}")
            log.warning("row left out", place=f"{path}:{line}", reason=reason)


def summarise_bad_rows(by_reason: Mapping[str, int]) -> str:
    """Sum them up: `3 bad rows (2 broken JSON, 1 no id)`."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(by_reason).most_common())
    return f"{sum(by_reason.values())} bad rows" + (f" ({reasons})" if reasons else "")
