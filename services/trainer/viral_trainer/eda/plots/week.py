"""A week of hours, coloured by how the viral share differs from that of all tweets."""

from __future__ import annotations

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from viral_trainer.eda.facts.hours import DAYS, Week
from viral_trainer.eda.facts.shares import FEW, Share
from viral_trainer.eda.plots.canvas import INK, LESS, LINE, MORE, QUIET, canvas, tip
from viral_trainer.eda.plots.shares import said

# A difference of so much is as strong a colour as there is; text must stay readable on it.
FULL, STRONGEST = 0.2, 0.6


def week(name: str, facts: Week, overall: float) -> Markup:
    """Hours downwards, weekdays across; a cell of few tweets has no colour."""
    with canvas(486) as picture:
        axes = picture.axes()
        for column, day in enumerate(facts.days):
            for hour in range(24):
                _cell(axes, column, hour, facts.cell(hour, day), overall)
        axes.set_xlim(-0.5, max(len(facts.days), 4) - 0.5)
        axes.set_ylim(23.5, -0.5)
        axes.set_xticks(range(len(facts.days)), [DAYS[day][:3] for day in facts.days])
        axes.xaxis.tick_top()
        axes.set_yticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
        for spine in axes.spines.values():
            spine.set_visible(False)
        return picture.svg(name)


def _cell(axes: Axes, column: int, hour: int, cell: Share, overall: float) -> None:
    if not cell.tweets:
        return
    few, difference = cell.tweets < FEW, cell.rate - overall
    box = Rectangle(
        (column - 0.47, hour - 0.45),
        0.94,
        0.9,
        facecolor="none" if few else MORE if difference > 0 else LESS,
        edgecolor=LINE if few else "none",
        linewidth=0.6,
        alpha=None if few else max(0.04, min(1.0, abs(difference) / FULL) * STRONGEST),
    )
    axes.add_patch(box)
    tip(box, said(cell))
    axes.text(
        column,
        hour,
        f"{100 * cell.rate:.0f}",
        ha="center",
        va="center",
        fontsize=9,
        color=QUIET if few else INK,
    )
