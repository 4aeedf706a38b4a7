"""`constraints.txt` pins every dependency, for any machine."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
LINES = [
    line
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    if line[:1] not in ("", "#")
]
PINS: dict[str, str] = {canonicalize_name(line.split("==")[0]): line.partition("==")[2] for line in LINES}


def requirements() -> list[Requirement]:
    """Of the distribution and all its extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    found = [Requirement(line) for group in groups for line in group]
    return [requirement for requirement in found if requirement.name != project["name"]]


def test_each_line_is_an_exact_public_release() -> None:
    assert [line for line in LINES if not re.fullmatch(r"[A-Za-z0-9._-]+==[0-9][0-9A-Za-z.]*", line)] == []


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    for requirement in requirements():
        pin = PINS.get(canonicalize_name(requirement.name))
        assert pin, f"{requirement.name} is not in constraints.txt; its head says how to renew it"
        assert requirement.specifier.contains(pin), f"{requirement} is pinned to {pin}"


def test_torch_is_the_release_that_was_tested() -> None:
    assert PINS["torch"] == "2.13.0"
    assert [name for name in PINS if name.startswith(("nvidia", "triton", "cuda"))] == []
