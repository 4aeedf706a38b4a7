"""Features one under the other: what each tells of likes, and how far each has drifted."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup
from viral_common.evaluation.drift import SHIFTED, STABLE
from viral_common.tweets.feature_names import feature_name

from viral_trainer.eda.facts.shift import Shift
from viral_trainer.eda.facts.signals import Signal
from viral_trainer.eda.plots.canvas import ACCENT, LINE, QUIET, SOFT, WARM, canvas, tip
from viral_trainer.eda.plots.shares import ROW

# PSI below this is drawn as this: the axis is logarithmic.
LEAST_INDEX = 1e-4


def signals(name: str, found: Sequence[Signal]) -> Markup:
    """AUC of each feature alone, as bars from 0.5, with its interval."""
    drawn = [one for one in found if one.auc is not None]
    with canvas(ROW * len(drawn) + 44) as picture:
        axes = picture.axes()
        for place, one in enumerate(drawn):
            auc, error = 0.5 + one.advantage, one.error or 0.0
            (bar,) = axes.barh(
                place, auc - 0.5, 0.62, left=0.5, color=ACCENT if auc > 0.5 else WARM, alpha=0.85
            )
            axes.plot([auc - error, auc + error], [place, place], color=QUIET, linewidth=1.2)
            tip(bar, f"{feature_name(one.name)}: AUC {auc:.3f} ± {error:.3f}")
        axes.axvline(0.5, color=QUIET, linewidth=0.8)
        reach = max([0.06, *(abs(one.advantage) + (one.error or 0.0) for one in drawn)]) * 1.08
        axes.set_xlim(0.5 - reach, 0.5 + reach)
        axes.set_ylim(len(drawn) - 0.4, -0.6)
        axes.set_yticks(range(len(drawn)), [feature_name(one.name) for one in drawn])
        axes.set_xlabel("less likes ←  AUC  → more likes")
        axes.grid(axis="x", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        return picture.svg(name)


def shifts(name: str, found: Sequence[Shift]) -> Markup:
    """PSI of each quantity on a logarithmic axis, with the usual limits."""
    colours = {"stable": SOFT, "moderate": ACCENT, "large": WARM}
    with canvas(ROW * len(found) + 48) as picture:
        axes = picture.axes()
        for place, one in enumerate(found):
            index = max(one.index, LEAST_INDEX)
            axes.plot([LEAST_INDEX, index], [place, place], color=colours[one.level], linewidth=2)
            (dot,) = axes.plot([index], [place], "o", color=colours[one.level], markersize=6.5, clip_on=False)
            tip(dot, f"{feature_name(one.name)}: PSI {one.index:.4f}, {one.level}")
        for limit in (STABLE, SHIFTED):
            axes.axvline(limit, color=QUIET, linewidth=0.8, dashes=(3, 3), zorder=0)
        axes.set_xscale("log")
        axes.set_xlim(LEAST_INDEX, max(1.0, *(one.index * 2 for one in found)))
        axes.set_ylim(len(found) - 0.4, -0.6)
        axes.set_yticks(range(len(found)), [feature_name(one.name) for one in found])
        axes.set_xticks(*_ticks(axes.get_xlim()[1]))
        axes.minorticks_off()
        axes.set_xlabel("PSI, dashed at 0.1 and 0.25")
        return picture.svg(name)


def _ticks(most: float) -> tuple[list[float], list[str]]:
    ticks = [tick for tick in (0.001, 0.01, 0.1, 1.0, 10.0) if tick <= most]
    return ticks, [f"{tick:g}" for tick in ticks]
