"""matplotlib's SVG as part of a page: no namespaces, no foreign fonts, the page's colours, ids of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from xml.etree import ElementTree as ET

from markupsafe import Markup

# An element with such an id gets its rest as a tooltip.
TIP = "tip:"
_HREF = "{http://www.w3.org/1999/xlink}href"
_NOT_NEEDED = frozenset({"metadata", "style"})
_FONT_FAMILY = re.compile(r"font-family: [^;]*;?")


def inlined(svg: str, name: str, palette: Mapping[str, str]) -> Markup:
    """Colours of the palette become the page's variables; what is no mark of the plot is dropped."""
    root = ET.fromstring(svg)  # noqa: S314  (drawn here)
    colours = {colour: f"var(--{variable})" for variable, colour in palette.items()}
    referred = set(re.findall(r"#(\w+)", " ".join(_references(root))))
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        _own_id(element, name, referred)
        _own_style(element, colours)
        for child in [child for child in element if child.tag.rpartition("}")[2] in _NOT_NEEDED]:
            element.remove(child)
    root.attrib = {"viewBox": root.attrib["viewBox"], "aria-hidden": "true"}
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704  (ElementTree has escaped the texts)


def _references(root: ET.Element) -> list[str]:
    return [
        value
        for element in root.iter()
        for name, value in element.attrib.items()
        if name == _HREF or value.startswith("url(#")
    ]


def _own_id(element: ET.Element, name: str, referred: set[str]) -> None:
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


def _own_style(element: ET.Element, colours: Mapping[str, str]) -> None:
    if style := element.attrib.get("style"):
        for colour, variable in colours.items():
            style = style.replace(colour, variable)
        element.set("style", _FONT_FAMILY.sub("", style).strip())
