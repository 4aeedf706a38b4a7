"""Groups of tweets side by side: how many there are, and how many of them are viral."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes

from viral_trainer.eda.facts.shares import FEW, Share
from viral_trainer.eda.plots.canvas import (
    ACCENT,
    CARD,
    INK,
    LINE,
    QUIET,
    SOFT,
    canvas,
    percent_axis,
    short,
    tip,
)

ROW = 21  # points


def columns(name: str, shares: Sequence[Share], overall: float, unit: str, every: int = 1) -> Markup:
    """Bars of how many tweets, and above them dots of the viral share with intervals.

    For values in an order; each of them is named, or one in `every`.
    """
    with canvas(230) as picture:
        above, below = picture.figure.subplots(2, 1, sharex=True, height_ratios=(2.4, 1))
        for place, one in enumerate(shares):
            _dot(above, place, one, upright=True)
            (bar,) = below.bar(place, one.tweets, 0.78, color=SOFT)
            tip(bar, said(one))
        above.axhline(overall, color=QUIET, linewidth=0.8, dashes=(3, 3), zorder=0)
        above.set_xlim(-0.6, len(shares) - 0.4)
        _roomy(above, shares, overall)
        above.spines.bottom.set_visible(False)
        above.grid(axis="y", color=LINE, linewidth=0.6)
        percent_axis(above.yaxis)
        above.tick_params(axis="y", labelcolor=QUIET)
        below.set_yticks([])
        named = shares[::every]
        below.set_xticks(
            range(0, len(shares), every), [one.label for one in named], fontsize=_label_size(named)
        )
        below.set_xlabel(unit)
        return picture.svg(name)


def rows(name: str, shares: Sequence[Share], overall: float) -> Markup:
    """Dots of the viral share with intervals, one under the other; for names."""
    with canvas(ROW * len(shares) + 34) as picture:
        axes = picture.axes()
        for place, one in enumerate(shares):
            _dot(axes, place, one, upright=False)
        axes.axvline(overall, color=QUIET, linewidth=0.8, dashes=(3, 3), zorder=0)
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_yticks(range(len(shares)), [short(one.label) for one in shares])
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        percent_axis(axes.xaxis)
        return picture.svg(name)


def said(one: Share) -> str:
    """`10–14: 7,162 tweets, 48.5% viral (47.4% to 49.7%)`."""
    if not one.tweets:
        return f"{one.label}: no tweets"
    low, high = one.interval
    return f"{one.label}: {one.tweets:,} tweets, {one.rate:.1%} viral ({low:.1%} to {high:.1%})"


def _dot(axes: Axes, place: int, one: Share, *, upright: bool) -> None:
    """Hollow, and without the interval, where there are too few tweets; nothing where there are none."""
    if not one.tweets:
        return
    few, (low, high) = one.tweets < FEW, one.interval
    ends, middle = ([place, place], [low, high]), ([place], [one.rate])
    if not few:
        axes.plot(*(ends if upright else ends[::-1]), color=ACCENT, linewidth=1.6, alpha=0.7)
    (dot,) = axes.plot(
        *(middle if upright else middle[::-1]),
        "o",
        markersize=6,
        markerfacecolor=CARD if few else ACCENT,
        markeredgecolor=QUIET if few else ACCENT,
    )
    tip(dot, said(one))


def _roomy(axes: Axes, shares: Sequence[Share], overall: float) -> None:
    """Leave it to groups of enough tweets how far the axis goes; others may lie outside."""
    sure = [end for one in shares if one.tweets >= FEW for end in one.interval] or [0.0, 1.0]
    low, high = min(*sure, overall), max(*sure, overall)
    margin = max(0.02, 0.12 * (high - low))
    axes.set_ylim(max(-0.02, low - margin), min(1.02, high + margin))


def _label_size(shares: Sequence[Share]) -> float:
    letters = sum(len(one.label) + 1 for one in shares)
    return 10.5 if letters < 50 else 9.0 if letters < 62 else 8.0


def splits(name: str, shares: Sequence[Share]) -> Markup:
    """Each part of the tweets as one bar of viral and other ones."""
    with canvas(ROW * 1.6 * len(shares) + 26) as picture:
        axes = picture.axes()
        for place, one in enumerate(shares):
            if not one.tweets:
                continue
            (viral,) = axes.barh(place, one.rate, 0.62, color=ACCENT)
            (other,) = axes.barh(place, 1 - one.rate, 0.62, left=one.rate, color=SOFT)
            tip(viral, said(one))
            tip(other, said(one))
            axes.text(
                one.rate / 2, place, f"{one.rate:.1%}", color=CARD, ha="center", va="center", weight="bold"
            )
            axes.text(1.02, place, f"{one.tweets:,}", color=QUIET, va="center")
        axes.set_xlim(0, 1.2)
        axes.set_ylim(len(shares) - 0.4, -0.6)
        axes.set_yticks(range(len(shares)), [one.label for one in shares])
        axes.set_xticks([0, 0.5, 1], ["0%", "50%", "100%"])
        axes.spines.bottom.set_visible(False)
        axes.axvline(0.5, color=INK, linewidth=0.6, dashes=(2, 3), alpha=0.5)
        return picture.svg(name)
