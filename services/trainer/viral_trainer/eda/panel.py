"""Define panels and sections of the page, and format their figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from viral_trainer.eda.shares import Share

Row = tuple[str, ...]


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

    @classmethod
    def from_shares(
        cls,
        key: str,
        title: str,
        says: str,
        plot: Markup | None,
        first_column: str,
        shares: Sequence[Share],
        note: str = "",
    ) -> Panel:
        """Build a panel whose table lists shares."""
        rows = [
            (one.label, f"{one.tweets:,}", f"{one.viral:,}", format_percent(one.rate), format_interval(one))
            for one in shares
        ]
        head = (first_column, "tweets", "viral", "viral share", "95% interval")
        return cls(key, title, says, plot, head, rows, note)


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
    if likes_threshold == 0:
        return "at least one like"
    return f"more than {format_count(likes_threshold, 'like')}"


def format_count(number: int, thing: str) -> str:
    """Format a count: `1 tweet`, `2,000 tweets`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def format_interval(one: Share) -> str:
    """Format an interval: `45.8% to 47.7%`."""
    low, high = one.interval
    return f"{low:.1%} to {high:.1%}" if one.tweets else "–"
