"""Format figures as people read them, for the templates."""

from __future__ import annotations

from datetime import datetime, timedelta


def format_percent(share: float | None) -> str:
    """Format 0.6249 as `62%`, 0.0312 as `3.1%`, nothing as a dash."""
    if share is None:
        return "–"
    if 0 < share < 0.0005:
        return "<0.1%"
    return f"{100 * share:.1f}%" if 0 < share < 0.0995 else f"{100 * share:.0f}%"


def format_goal(threshold: int) -> str:
    """Say what a tweet is asked to get."""
    if threshold == 0:
        return "a like"
    return "more than 1 like" if threshold == 1 else f"more than {threshold} likes"


def format_question(threshold: int) -> str:
    return f"Will this tweet get {'likes' if threshold == 0 else format_goal(threshold)}?"


def format_points(weight: float) -> str:
    """Format 0.031 as `+3.1` percentage points, with a true minus sign; what rounds to nothing has no sign."""
    rounded = round(100 * weight, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def format_time(at: datetime | None) -> str:
    """Format a time to the minute; it is in UTC because every time here is."""
    return "–" if at is None else f"{format_day(at)}, {at:%H:%M} UTC"


def format_day(at: datetime) -> str:
    """Format as `1 Apr 2022`."""
    return f"{at.day} {at:%b %Y}"


def format_hour(at: datetime) -> str:
    """Format as `Tue 18:00 UTC`."""
    return f"{at:%a %H}:00 UTC"


def format_duration(start: datetime, end: datetime) -> str:
    """Format as `1 min 40 s`."""
    seconds = round((end - start) / timedelta(seconds=1))
    minutes, rest = divmod(max(0, seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number) or "0 s"
