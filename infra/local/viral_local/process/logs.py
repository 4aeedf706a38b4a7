"""Read what the programs wrote: the supervisor keeps one file for each."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

from viral_common.errors import UsageError

from viral_local.home import Home

POLL_S = 0.3


def find_log_files(home: Home, program: str | None) -> list[Path]:
    """Find those of one program or of all. Raises UsageError for a name without a log."""
    found = {
        path.stem: path
        for path in sorted(home.log_dir.glob("*.log"))
        if not path.stem.startswith("listener-")
    }
    if program is None:
        return list(found.values())
    if program not in found:
        raise UsageError(f"no log of {program!r}; there are: {', '.join(found) or 'none yet'}")
    return [found[program]]


def read_last_lines(path: Path, count: int) -> list[str]:
    """Read the end of a log, oldest line first."""
    return path.read_text(errors="replace").splitlines()[-count:] if path.is_file() else []


def follow(paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield new lines with their program's name, until the caller stops.

    Goes on in the new file when one is rotated.
    """
    read = {path: path.stat().st_size for path in paths}
    while True:
        for path in paths:
            size = path.stat().st_size if path.exists() else 0
            if size < read[path]:
                read[path] = 0
            if size > read[path]:
                with path.open(errors="replace") as file:
                    file.seek(read[path])
                    yield from ((path.stem, line.rstrip("\n")) for line in file)
                    read[path] = file.tell()
        time.sleep(POLL_S)


def find_last_error(home: Home, program: str) -> str:
    """Find why it ended, as far as its log says: the last line that names an error, else the last line."""
    lines = [line for line in read_last_lines(home.log_dir / f"{program}.log", 200) if line.strip()]
    errors = [line for line in lines if re.search(r"\berror\b|Error:", line)]
    return (errors or lines or ["its log is empty"])[-1].strip().removeprefix("error: ")


def count_restarts(home: Home) -> dict[str, int]:
    """Count by program, since the supervisor started: every start after the first."""
    counts: dict[str, int] = {}
    for line in read_last_lines(home.log_dir / "supervisor.log", 100_000):
        if "supervisord started with pid" in line:
            counts = {}
        elif spawned := re.search(r"spawned: '([\w-]+)'", line):
            counts[spawned[1]] = counts.get(spawned[1], -1) + 1
    return counts
