"""Draw a comparison: each contender's AUC with its interval."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from viral_trainer.compare.comparison import Comparison
from viral_trainer.compare.report import format_caption, format_title

OURS, RIVALS, FAINT = "#1d6fb8", "#8a94a0", "#d9dee3"
SUFFIXES = frozenset({".png", ".svg"})


def draw_comparison(comparison: Comparison, file: str, path: Path) -> None:
    """Write the picture in the format that the suffix names."""
    with mpl.rc_context({"svg.fonttype": "none"}):  # letters stay letters
        _draw_figure(comparison, file).savefig(path, dpi=160)


def _draw_figure(comparison: Comparison, file: str) -> Figure:
    results = comparison.results[::-1]  # the first one on top
    figure = Figure(figsize=(8.5, 1.6 + 0.46 * len(results)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.axvline(0.5, color=FAINT, linewidth=1.2, zorder=0)
    for row, result in enumerate(results):
        auc = result.scores["auc"]
        low, high = result.scores.get("auc_low", auc), result.scores.get("auc_high", auc)
        ours = result.contender.recipe == "champion"
        color = OURS if ours else RIVALS
        axes.plot([low, high], [row, row], color=color, linewidth=3, alpha=0.45, solid_capstyle="round")
        axes.plot([auc], [row], "o", color=color, markersize=8)
        axes.annotate(
            f"{auc:.3f}",
            (high, row),
            xytext=(8, 0),
            textcoords="offset points",
            va="center",
            fontsize=10,
            color=color,
            fontweight="bold" if ours else "normal",
        )
    axes.set_yticks(range(len(results)), [result.contender.name for result in results])
    axes.set_ylim(-0.6, len(results) - 0.4)
    axes.margins(x=0.12)
    axes.set_xlabel("AUC on the test tweets, with its 95% interval (0.5: chance)")
    axes.grid(axis="x", color=FAINT, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(axis="y", length=0)
    figure.suptitle(format_title(comparison, file), x=0.01, ha="left", fontsize=12, fontweight="bold")
    axes.set_title(format_caption(comparison).split(". In")[0], loc="left", fontsize=8.5, color="#5a646e")
    return figure
