"""One way to draw: sizes, colours and type that all plots share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from viral_trainer.eda.plots.inline import TIP, inlined

# What is drawn in these colours takes the page's, light or dark: `var(--accent)` and so on. Green and orange are told
# apart by people who do not see red or green (Okabe and Ito's rule: blue-green against orange), and by lightness.
PALETTE = {
    "ink": "#1d2421",
    "quiet": "#55605b",
    "line": "#d5d8d2",
    "accent": "#0b6b5d",
    "warm": "#b5541c",
    "soft": "#b9c4bf",
    "more": "#178a78",
    "less": "#c9742f",
    "card": "#ffffff",
}
INK, QUIET, LINE, ACCENT, WARM = (PALETTE[name] for name in ("ink", "quiet", "line", "accent", "warm"))
SOFT, MORE, LESS, CARD = (PALETTE[name] for name in ("soft", "more", "less", "card"))

# Points, which the page shows as about as many pixels: every plot is as wide as a card, also on a telephone.
WIDTH = 360
LONGEST_LABEL = 22  # characters
_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 10,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": INK,
    "xtick.major.size": 0,
    "ytick.major.size": 0,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "text.color": INK,
    "lines.solid_capstyle": "round",
}


class Canvas:
    """A figure of the page's width."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")

    def axes(self) -> Axes:
        """The only ones."""
        return self.figure.subplots()

    def svg(self, name: str) -> Markup:
        """The drawing for the page; `name` keeps its ids apart from other plots'."""
        text = StringIO()
        self.figure.savefig(text, format="svg", transparent=True)
        return inlined(text.getvalue(), name, PALETTE)


@contextmanager
def canvas(height: float) -> Iterator[Canvas]:
    """Draw and save inside. Without pyplot, so that no state is left behind and any thread may draw."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The browser has letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield Canvas(height)


def short(label: str) -> str:
    """What fits beside a plot; the table beneath has the whole."""
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def tip(artist: Artist, text: str) -> None:
    """Show a text while the pointer rests on what was drawn."""
    artist.set_gid(TIP + text)


def percent_axis(axis: Axis) -> None:
    """A few round values: 0.25 -> 25%."""
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(lambda value, _: f"{round(100 * value, 1):g}%")
