"""Draw matplotlib figures as SVG in the page's colours."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import StringIO
from typing import Any
from xml.etree import ElementTree as ET

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

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
INK, QUIET, LINE, ACCENT, WARM, SOFT, MORE, LESS, CARD = PALETTE.values()
# Points, which the page shows as about as many pixels: every plot is as wide as a card, also on a telephone.
WIDTH, ROW = 360, 21
LONGEST_LABEL = 22  # characters
DASHED: dict[str, Any] = {"color": QUIET, "linewidth": 0.8, "dashes": (3, 3), "zorder": 0}

_STYLE: dict[Any, Any] = {
    "svg.fonttype": "none",  # text stays text
    "text.parse_math": False,  # a dollar sign is a dollar sign
    "font.size": 11,
    "axes.axisbelow": True,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.edgecolor": LINE,
    "axes.labelcolor": QUIET,
    "axes.labelsize": 10,
    "grid.color": LINE,
    "grid.linewidth": 0.6,
    "xtick.color": LINE,
    "ytick.color": LINE,
    "xtick.labelcolor": QUIET,
    "ytick.labelcolor": INK,
    **{f"{axis}tick.{size}.size": 0 for axis in "xy" for size in ("major", "minor")},
    "text.color": INK,
    "lines.solid_capstyle": "round",
}
# An element with such an id gets its rest as a tooltip.
_TIP = "tip:"
_HREF = "{http://www.w3.org/1999/xlink}href"
_FONT_FAMILY = re.compile(r"font-family: [^;]*;?")


class Canvas:
    """Hold a figure of the page's width."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")

    def add_axes(self) -> Axes:
        return self.figure.subplots()

    def add_rows(self, labels: Sequence[str], *, bare: bool = False) -> Axes:
        """Add axes with one row per label, the first on top; `bare` ones have no scale."""
        axes = self.add_axes()
        axes.set_ylim(len(labels) - 0.4, -0.6)
        axes.set_yticks(range(len(labels)), labels)
        if bare:
            axes.set_xticks([])
            axes.spines.bottom.set_visible(False)
        return axes

    def to_svg(self, name: str) -> Markup:
        """Return the drawing for the page; `name` keeps its ids apart from other plots'."""
        text = StringIO()
        with mpl.rc_context({"svg.hashsalt": name}):
            self.figure.savefig(text, format="svg", transparent=True)
        return embed_svg(text.getvalue())


@contextmanager
def open_canvas(height: float) -> Iterator[Canvas]:
    """Draw and save inside. Without pyplot, so that no state is left behind and any thread may draw."""
    with mpl.rc_context(_STYLE), warnings.catch_warnings():
        # The browser has letters that matplotlib's own font lacks.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        yield Canvas(height)


def shorten_label(label: str) -> str:
    """Shorten a label to what fits beside a plot; the table beneath has the whole."""
    return label if len(label) <= LONGEST_LABEL else f"{label[: LONGEST_LABEL - 1]}…"


def add_tip(artist: Artist, text: str) -> None:
    """Show a text while the pointer rests on what was drawn."""
    artist.set_gid(_TIP + text)


def format_percent_axis(axis: Axis) -> None:
    """Show a few round values: 0.25 -> 25%."""
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(lambda value, _: f"{round(100 * value, 1):g}%")


def embed_svg(svg: str) -> Markup:
    """Turn palette colours into the page's variables, tips into titles; drop what is no mark of the plot."""
    root = ET.fromstring(svg)  # noqa: S314  (drawn here)
    referred = set(re.findall(r'(?:url\(|href=")#(\w+)', svg))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for child in [one for one in element if one.tag.endswith(("}metadata", "}style"))]:
            element.remove(child)
        name = element.attrib.pop("id", "")
        if name.startswith(_TIP):
            title = ET.Element("title")
            title.text = name.removeprefix(_TIP)
            element.insert(0, title)
        elif name in referred:
            element.set("id", name)
        if _HREF in element.attrib:
            element.set("href", element.attrib.pop(_HREF))
        if style := element.get("style"):
            for variable, colour in PALETTE.items():
                style = style.replace(colour, f"var(--{variable})")
            element.set("style", _FONT_FAMILY.sub("", style).strip())
    root.attrib = {"viewBox": root.attrib["viewBox"], "aria-hidden": "true"}
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  (ElementTree has escaped the texts)
