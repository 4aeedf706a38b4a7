"""How many there are of what: bars of numbers and of parts of a whole."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from viral_trainer.eda.facts.authors import Group
from viral_trainer.eda.facts.likes import Likes
from viral_trainer.eda.plots.canvas import ACCENT, LINE, QUIET, SOFT, canvas, percent_axis, short, tip
from viral_trainer.eda.plots.shares import ROW


def likes(name: str, facts: Likes, tweets: int) -> Markup:
    """Share of the tweets with that many likes; those without any stand apart."""
    labels = [
        "none",
        *(f"{low:,}" if low == high else f"{_short(low)}–{_short(high)}" for low, high, _ in facts.bins),
    ]
    counts = [facts.none, *(count for _, _, count in facts.bins)]
    with canvas(230) as picture:
        axes = picture.axes()
        places = [0.0, *(place + 1.6 for place in range(len(facts.bins)))]
        for place, label, count in zip(places, labels, counts, strict=True):
            (bar,) = axes.bar(place, count / tweets, 0.84, color=ACCENT if place else SOFT)
            tip(bar, f"{label}: {count:,} tweets ({count / tweets:.1%})")
        axes.set_xticks(
            places,
            labels,
            rotation=0 if len(labels) < 8 else 50,
            ha="center" if len(labels) < 8 else "right",
            rotation_mode="anchor",
        )
        axes.tick_params(axis="x", labelsize=9.5)
        axes.tick_params(axis="y", labelcolor=QUIET)
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        percent_axis(axes.yaxis)
        return picture.svg(name)


def _short(number: int) -> str:
    """Powers of two, and one less, from 1,024 on in thousands."""
    return (
        f"{number}"
        if number < 1000
        else f"{round(number / 1000)}k"
        if number < 10**6
        else f"{round(number / 10**6)}M"
    )


def groups(name: str, found: Sequence[Group], authors: int, tweets: int) -> Markup:
    """Of each group of authors: which part of all authors it is, and which part of the tweets it posted."""
    with canvas(ROW * 1.5 * len(found) + 62) as picture:
        axes = picture.axes()
        for place, group in enumerate(found):
            (upper,) = axes.barh(
                place - 0.19, group.authors / authors, 0.34, color=SOFT, label=_once("of authors", place)
            )
            (lower,) = axes.barh(
                place + 0.19, group.tweets / tweets, 0.34, color=ACCENT, label=_once("of tweets", place)
            )
            tip(upper, f"{group.label}: {group.authors:,} authors ({group.authors / authors:.1%})")
            tip(lower, f"{group.label}: {group.tweets:,} tweets ({group.tweets / tweets:.1%})")
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks(range(len(found)), [group.label for group in found])
        axes.set_ylabel("tweets of the author")
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        percent_axis(axes.xaxis)
        picture.figure.legend(
            loc="outside upper right", ncols=2, frameon=False, fontsize=10, handlelength=0.9, handleheight=0.9
        )
        return picture.svg(name)


def _once(label: str, place: int) -> str:
    return f"_{label}" if place else label


def parts(name: str, found: Sequence[tuple[str, float]]) -> Markup:
    """Named shares of different wholes, one under the other."""
    with canvas(ROW * 1.3 * len(found) + 14) as picture:
        axes = picture.axes()
        for place, (label, part) in enumerate(found):
            axes.barh(place, 1, 0.5, color=LINE, alpha=0.6)
            (bar,) = axes.barh(place, part, 0.5, color=ACCENT)
            tip(bar, f"{label}: {part:.1%}")
            axes.text(1.03, place, f"{part:.1%}", va="center", color=QUIET)
        axes.set_xlim(0, 1.2)
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks(range(len(found)), [label for label, _ in found])
        axes.set_xticks([])
        axes.spines.bottom.set_visible(False)
        return picture.svg(name)


def numbers(name: str, counts: Sequence[tuple[str, int]], stressed: str = "") -> Markup:
    """Named numbers, one under the other; one of them may be stressed."""
    most = max(count for _, count in counts)
    with canvas(ROW * len(counts) + 14) as picture:
        axes = picture.axes()
        for place, (label, count) in enumerate(counts):
            (bar,) = axes.barh(place, count, 0.66, color=ACCENT if label == stressed else SOFT)
            tip(bar, f"{label}: {count:,}")
            axes.text(count + most * 0.02, place, f"{count:,}", va="center", color=QUIET)
        axes.set_xlim(0, most * 1.22)
        axes.set_ylim(len(counts) - 0.4, -0.6)
        axes.set_yticks(range(len(counts)), [short(label) for label, _ in counts])
        axes.set_xticks([])
        axes.spines.bottom.set_visible(False)
        return picture.svg(name)
