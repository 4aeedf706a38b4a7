"""Draw matplotlib figures as SVG in the page's colours."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator, Mapping
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
    """Hold a figure of the page's width."""

    def __init__(self, height: float) -> None:
        self.figure = Figure(figsize=(WIDTH / 72, height / 72), layout="constrained")

    def add_axes(self) -> Axes:
        """Add the figure's only axes."""
        return self.figure.subplots()

    def to_svg(self, name: str) -> Markup:
        """Return the drawing for the page; `name` keeps its ids apart from other plots'."""
        text = StringIO()
        self.figure.savefig(text, format="svg", transparent=True)
        return inline_svg(text.getvalue(), name, PALETTE)


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
    artist.set_gid(TIP + text)


def format_percent_axis(axis: Axis) -> None:
    """Show a few round values: 0.25 -> 25%."""
    axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(lambda value, _: f"{round(100 * value, 1):g}%")


# An element with such an id gets its rest as a tooltip.
TIP = "tip:"


_HREF = "{http://www.w3.org/1999/xlink}href"


_NOT_NEEDED = frozenset({"metadata", "style"})


_FONT_FAMILY = re.compile(r"font-family: [^;]*;?")


def inline_svg(svg: str, name: str, palette: Mapping[str, str]) -> Markup:
    """Turn palette colours into the page's variables; drop what is no mark of the plot."""
    root = ET.fromstring(svg)  # noqa: S314  (drawn here)
    colours = {colour: f"var(--{variable})" for variable, colour in palette.items()}
    referred = set(re.findall(r"#(\w+)", " ".join(_list_references(root))))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        _set_own_id(element, name, referred)
        _set_own_style(element, colours)
        for child in [child for child in element if child.tag.rpartition("}")[2] in _NOT_NEEDED]:
            element.remove(child)
    root.attrib = {"viewBox": root.attrib["viewBox"], "aria-hidden": "true"}
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  (ElementTree has escaped the texts)


def _list_references(root: ET.Element) -> list[str]:
    return [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name == _HREF or value.startswith("url(#")
    ]


def _set_own_id(element: ET.Element, name: str, referred: set[str]) -> None:
    """Keep the ids that something refers to, as this plot's own; a tip becomes a title."""
    old = element.attrib.pop("id", "")
    if old.startswith(TIP):
        title = ET.Element("title")
        title.text = old.removeprefix(TIP)
        element.insert(0, title)
    elif old in referred:
        element.set("id", f"{name}-{old}")
    if _HREF in element.attrib:
        element.set("href", f"#{name}-{element.attrib.pop(_HREF).removeprefix('#')}")
    if "clip-path" in element.attrib:
        element.set("clip-path", element.attrib["clip-path"].replace("#", f"#{name}-"))


def _set_own_style(element: ET.Element, colours: Mapping[str, str]) -> None:
    if style := element.attrib.get("style"):
        for colour, variable in colours.items():
            style = style.replace(colour, variable)
        element.set("style", _FONT_FAMILY.sub("", style).strip())
