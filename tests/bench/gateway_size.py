"""What an extra brings with it, read from the records of the installed packages."""

from __future__ import annotations

from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name


def installed_mb(package: str, extra: str) -> float:
    """Megabytes of the package with one extra and all that follows from it, byte code included where it was made."""
    needed: set[tuple[str, str]] = set()
    _follow(canonicalize_name(package), extra, needed)
    return sum(map(_count_bytes, {name for name, _ in needed})) / 1e6


def _follow(name: str, extra: str, needed: set[tuple[str, str]]) -> None:
    if (name, extra) in needed:
        return
    needed.add((name, extra))
    for line in distribution(name).requires or []:
        wanted = Requirement(line)
        if wanted.marker is None or wanted.marker.evaluate({"extra": extra}):
            for inner in wanted.extras or {""}:
                _follow(canonicalize_name(wanted.name), inner, needed)
            _follow(canonicalize_name(wanted.name), "", needed)


def _count_bytes(name: str) -> int:
    paths = (Path(file.locate()) for file in distribution(name).files or [])
    return sum(path.stat().st_size for path in paths if path.is_file())
