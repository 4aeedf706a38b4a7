"""Figures as people read them: the templates' own vocabulary."""

from __future__ import annotations

from datetime import datetime, timedelta


def percent(share: float | None) -> str:
    """0.6249 -> `62%`, 0.0312 -> `3.1%`; nothing for nothing."""
    if share is None:
        return "–"
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{100 * share:.1f}%" if 0 < share < 0.0995 else f"{100 * share:.0f}%"


def goal(threshold: int) -> str:
    """What a tweet is asked to get."""
    if threshold == 0:
        return "a like"
    return "more than 1 like" if threshold == 1 else f"more than {threshold} likes"


def question(threshold: int) -> str:
    """What the form asks."""
    return f"Will this tweet get {'likes' if threshold == 0 else goal(threshold)}?"


def points(weight: float) -> str:
    """0.031 -> `+3.1`, in percentage points, with a true minus sign; what rounds to nothing has no sign."""
    rounded = round(100 * weight, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def utc(at: datetime | None) -> str:
    """A time to the minute; it is in UTC because every time here is."""
    return "–" if at is None else f"{day(at)}, {at:%H:%M} UTC"


def day(at: datetime) -> str:
    """`1 Apr 2022`."""
    return f"{at.day} {at:%b %Y}"


def hour(at: datetime) -> str:
    """`Tue 18:00 UTC`."""
    return f"{at:%a %H}:00 UTC"


def took(start: datetime, end: datetime) -> str:
    """`1 min 40 s`."""
    seconds = round((end - start) / timedelta(seconds=1))
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
