"""What a panel is, and how its figures are written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from viral_trainer.eda.facts.shares import FEW, Share

Row = tuple[str, ...]
SHARE_HEAD = ("tweets", "viral", "viral share", "95% interval")


@dataclass(frozen=True)
class Panel:
    """A plot, what it says, and the table for whoever cannot see it or wants the figures. All texts are plain."""

    key: str
    title: str
    says: str
    plot: Markup | None = None
    head: Row = ()
    rows: Sequence[Row] = ()
    note: str = ""


@dataclass(frozen=True)
class Section:
    """Panels under one heading."""

    key: str
    title: str
    panels: Sequence[Panel]


def percent(share: float) -> str:
    """One decimal; a dash for what is not known."""
    return f"{share:.1%}" if share == share else "–"


def points(difference: float) -> str:
    """In percentage points, with a true minus sign."""
    return f"{100 * difference:+.1f}".replace("-", "−")


def goal(likes_threshold: int) -> str:
    """What makes a tweet viral."""
    return "at least one like" if likes_threshold == 0 else f"more than {count(likes_threshold, 'like')}"


def count(number: int, thing: str) -> str:
    """`1 tweet`, `2,000 tweets`."""
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def share_rows(shares: Sequence[Share]) -> list[Row]:
    """Under a head of one more column than SHARE_HEAD."""
    return [
        (one.label, f"{one.tweets:,}", f"{one.viral:,}", percent(one.rate), interval(one)) for one in shares
    ]


def interval(one: Share) -> str:
    """`45.8% to 47.7%`."""
    low, high = one.interval
    return f"{low:.1%} to {high:.1%}" if one.tweets else "–"


def extremes(shares: Sequence[Share]) -> tuple[Share, Share] | None:
    """The lowest and the highest rate among at least two groups of enough tweets."""
    enough = sorted((one for one in shares if one.tweets >= FEW), key=lambda one: one.rate)
    return (enough[0], enough[-1]) if len(enough) > 1 else None


def apart(one: Share, other: Share) -> bool:
    """Whether their intervals do not meet: more than chance would easily do."""
    return one.interval[0] > other.interval[1] or one.interval[1] < other.interval[0]
