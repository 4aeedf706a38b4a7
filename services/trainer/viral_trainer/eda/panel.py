"""Define panels and sections of the page, and format their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from viral_trainer.eda.shares import FEW, Share

Row = tuple[str, ...]


SHARE_HEAD = ("tweets", "viral", "viral share", "95% interval")


@dataclass(frozen=True)
class Panel:
    """Hold a plot, a sentence on it, and the table of its figures. All texts are plain."""

    key: str
    title: str
    says: str
    plot: Markup | None = None
    head: Row = ()
    rows: Sequence[Row] = ()
    note: str = ""


@dataclass(frozen=True)
class Section:
    """Hold panels under one heading."""

    key: str
    title: str
    panels: Sequence[Panel]


def format_percent(share: float) -> str:
    """Format a share with one decimal; a dash for NaN."""
    return f"{share:.1%}" if share == share else "–"


def format_points(difference: float) -> str:
    """Format percentage points, with a true minus sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def format_goal(likes_threshold: int) -> str:
    """Format what makes a tweet viral."""
    return (
        "at least one like" if likes_threshold == 0 else f"more than {format_count(likes_threshold, 'like')}"
    )


def format_count(number: int, thing: str) -> str:
    """Format a count: `1 tweet`, `2,000 tweets`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def format_share_rows(shares: Sequence[Share]) -> list[Row]:
    """Format rows for a head of one more column than SHARE_HEAD."""
    return [
        (one.label, f"{one.tweets:,}", f"{one.viral:,}", format_percent(one.rate), format_interval(one))
        for one in shares
    ]


def format_interval(one: Share) -> str:
    """Format an interval: `45.8% to 47.7%`."""
    low, high = one.interval
    return f"{low:.1%} to {high:.1%}" if one.tweets else "–"


def find_extremes(shares: Sequence[Share]) -> tuple[Share, Share] | None:
    """Find the lowest and the highest rate; None without two groups of enough tweets."""
    enough = sorted((one for one in shares if one.tweets >= FEW), key=lambda one: one.rate)
    return (enough[0], enough[-1]) if len(enough) > 1 else None


def is_apart(one: Share, other: Share) -> bool:
    """Say whether two intervals do not meet: more than chance would easily do."""
    return one.interval[0] > other.interval[1] or one.interval[1] < other.interval[0]
