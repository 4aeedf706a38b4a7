"""Rows that cannot be used: counted, named by file and line, never fatal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import structlog

log = structlog.get_logger()

# So many are named; the rest are only counted by reason.
NAMED = 20


class BadRow(ValueError):
    """A row is unusable; its text is the reason, worded alike for alike rows so that they can be counted."""


class BadRows:
    """What was wrong with an archive: the first places in full, and totals by reason."""

    def __init__(self) -> None:
        self.by_reason: Counter[str] = Counter()
        self.places: list[str] = []

    def add(self, path: Path, line: int, reason: str) -> None:
        """Count a row, and name it if it is among the first."""
        self.by_reason[reason] += 1
        if len(self.places) < NAMED:
            self.places.append(f"{path}:{line}: {reason}")
            log.warning("row left out", place=f"{path}:{line}", reason=reason)


def summary(by_reason: Mapping[str, int]) -> str:
    """`3 bad rows (2 broken JSON, 1 no id)`."""
    reasons = ", ".join(f"{count} {reason}" for reason, count in Counter(by_reason).most_common())
    return f"{sum(by_reason.values())} bad rows" + (f" ({reasons})" if reasons else "")
