"""Compute viral shares of groups of tweets with their intervals, and draw them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import nan, sqrt

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from numpy.typing import NDArray
from scipy.stats import norm

from viral_trainer.eda.canvas import (
    ACCENT,
    CARD,
    DASHED,
    LINE,
    QUIET,
    ROW,
    SOFT,
    add_tip,
    format_percent_axis,
    open_canvas,
    shorten_label,
)

# A share of fewer tweets than this is shown as uncertain.
FEW = 30
CONFIDENCE = 0.95
Z = float(norm.ppf(0.5 + CONFIDENCE / 2))


@dataclass(frozen=True)
class Share:
    """Hold how many tweets a group has and how many of them are viral."""

    label: str
    tweets: int
    viral: int

    @property
    def rate(self) -> float:
        """Divide; NaN without tweets."""
        return self.viral / self.tweets if self.tweets else nan

    @property
    def interval(self) -> tuple[float, float]:
        """Compute Wilson's interval (1927), 95 %; from 0 to 1 without tweets."""
        if not self.tweets:
            return 0.0, 1.0
        # scipy's binomtest gives the same, but takes a thousand times as long over a p-value that nobody asks for.
        weight = Z**2 / self.tweets
        middle = (self.rate + weight / 2) / (1 + weight)
        reach = sqrt(self.rate * (1 - self.rate) * weight + weight**2 / 4) / (1 + weight)
        return max(0.0, middle - reach), min(1.0, middle + reach)

    def __str__(self) -> str:
        """Format a share: `10–14: 7,162 tweets, 48.5% viral (47.4% to 49.7%)`."""
        if not self.tweets:
            return f"{self.label}: no tweets"
        low, high = self.interval
        return f"{self.label}: {self.tweets:,} tweets, {self.rate:.1%} viral ({low:.1%} to {high:.1%})"


def compute_share(label: str, viral: NDArray[np.bool_]) -> Share:
    """Count the viral tweets among these labels."""
    return Share(label, len(viral), int(viral.sum()))


def compute_shares_by_steps(
    values: NDArray[np.int64], viral: NDArray[np.bool_], starts: Sequence[int]
) -> list[Share]:
    """Compute a share from each start up to the next, the last one open.

    It begins early enough to hold FEW tweets, if three groups or more are left; no group before the first is empty.
    """
    starts = list(starts)
    while len(starts) > 2 and (values >= starts[-1]).sum() < FEW:
        starts.pop()
    places = find_steps(values, starts)
    shares = [
        compute_share(label, viral[places == place]) for place, label in enumerate(format_steps(starts))
    ]
    held = [place for place, one in enumerate(shares) if one.tweets]
    return shares[held[0] : held[-1] + 1] if held else []


def find_steps(values: NDArray[np.int64], starts: Sequence[int]) -> NDArray[np.int64]:
    """Find the place of the last start that is not above the value; -1 below the first."""
    return (np.searchsorted(starts, values, side="right") - 1).astype(np.int64)


def format_steps(starts: Sequence[int]) -> list[str]:
    """Format steps: `0`, `1–4`, `5+` for 0, 1 and 5."""
    closed = [
        f"{start:,}" if following == start + 1 else f"{start:,}–{following - 1:,}"
        for start, following in pairwise(starts)
    ]
    return [*closed, f"{starts[-1]:,}+"]


def compute_shares_by_name(values: NDArray[np.object_], viral: NDArray[np.bool_]) -> list[Share]:
    """Compute a share of each value, the most frequent first."""
    names, counts = np.unique(values.astype(str), return_counts=True)
    by_count = names[np.argsort(-counts, kind="stable")]
    return [compute_share(str(name), viral[values == name]) for name in by_count]


def find_extremes(shares: Sequence[Share]) -> tuple[Share, Share] | None:
    """Find the lowest and the highest rate; None without two groups of enough tweets."""
    enough = sorted((one for one in shares if one.tweets >= FEW), key=lambda one: one.rate)
    return (enough[0], enough[-1]) if len(enough) > 1 else None


def is_apart(one: Share, other: Share) -> bool:
    """Say whether two intervals do not meet: more than chance would easily do."""
    return one.interval[0] > other.interval[1] or one.interval[1] < other.interval[0]


def draw_columns(name: str, shares: Sequence[Share], overall: float, unit: str, every: int = 1) -> Markup:
    """Draw bars of how many tweets, and above them dots of the viral share with intervals.

    For values in an order; each of them is named, or one in `every`.
    """
    with open_canvas(230) as picture:
        above, below = picture.figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        for place, one in enumerate(shares):
            _draw_dot(above, place, one, upright=True)
            (bar,) = below.bar(place, one.tweets, 0.78, color=SOFT)
            add_tip(bar, str(one))
        above.axhline(overall, **DASHED)
        above.set_xlim(-0.6, len(shares) - 0.4)
        _set_limits(above, shares, overall)
        above.spines.bottom.set_visible(False)
        above.grid(axis="y")
        format_percent_axis(above.yaxis)
        above.tick_params(axis="y", labelcolor=QUIET)
        below.set_yticks([])
        labels = [one.label for one in shares[::every]]
        letters = sum(len(label) + 1 for label in labels)
        size = 10.5 if letters < 50 else 9.0 if letters < 62 else 8.0
        below.set_xticks(range(0, len(shares), every), labels, fontsize=size)
        below.set_xlabel(unit)
        return picture.to_svg(name)


def draw_rows(name: str, shares: Sequence[Share], overall: float) -> Markup:
    """Draw dots of the viral share with intervals, one under the other; for names."""
    with open_canvas(ROW * len(shares) + 34) as picture:
        axes = picture.add_rows([shorten_label(one.label) for one in shares])
        for place, one in enumerate(shares):
            _draw_dot(axes, place, one, upright=False)
        axes.axvline(overall, **DASHED)
        axes.grid(axis="x")
        format_percent_axis(axes.xaxis)
        return picture.to_svg(name)


def _draw_dot(axes: Axes, place: int, one: Share, *, upright: bool) -> None:
    """Draw it hollow, without the interval, if there are too few tweets; draw nothing if there are none."""
    if not one.tweets:
        return
    few = one.tweets < FEW
    ends, middle = ([place, place], one.interval), ([place], [one.rate])
    if not few:
        axes.plot(*(ends if upright else ends[::-1]), color=ACCENT, linewidth=1.6, alpha=0.7)
    (dot,) = axes.plot(
        *(middle if upright else middle[::-1]),
        "o",
        markersize=6,
        markerfacecolor=CARD if few else ACCENT,
        markeredgecolor=QUIET if few else ACCENT,
    )
    add_tip(dot, str(one))


def _set_limits(axes: Axes, shares: Sequence[Share], overall: float) -> None:
    """Leave it to groups of enough tweets how far the axis goes; others may lie outside."""
    sure = [end for one in shares if one.tweets >= FEW for end in one.interval] or [0.0, 1.0]
    low, high = min(*sure, overall), max(*sure, overall)
    margin = max(0.02, 0.12 * (high - low))
    axes.set_ylim(max(-0.02, low - margin), min(1.02, high + margin))


def draw_parts(name: str, found: Sequence[tuple[str, float]]) -> Markup:
    """Draw named shares of different wholes, one under the other."""
    with open_canvas(ROW * 1.3 * len(found) + 14) as picture:
        axes = picture.add_rows([label for label, _ in found], bare=True)
        for place, (label, part) in enumerate(found):
            axes.barh(place, 1, 0.5, color=LINE, alpha=0.6)
            (bar,) = axes.barh(place, part, 0.5, color=ACCENT)
            add_tip(bar, f"{label}: {part:.1%}")
            axes.text(1.03, place, f"{part:.1%}", va="center", color=QUIET)
        axes.set_xlim(0, 1.2)
        return picture.to_svg(name)


def draw_numbers(name: str, counts: Sequence[tuple[str, int]], stressed: str = "") -> Markup:
    """Draw named numbers, one under the other; one of them may be stressed."""
    most = max(count for _, count in counts)
    with open_canvas(ROW * len(counts) + 14) as picture:
        axes = picture.add_rows([shorten_label(label) for label, _ in counts], bare=True)
        for place, (label, count) in enumerate(counts):
            (bar,) = axes.barh(place, count, 0.66, color=ACCENT if label == stressed else SOFT)
            add_tip(bar, f"{label}: {count:,}")
            axes.text(count + most * 0.02, place, f"{count:,}", va="center", color=QUIET)
        axes.set_xlim(0, most * 1.22)
        return picture.to_svg(name)
