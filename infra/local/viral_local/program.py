"""One supervised process: what `launch` needs to become it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from viral_local.home import Home
from viral_local.private import write_private_json


@dataclass(frozen=True)
class Program:
    """`group` decides the order of stopping: services, then servers, then base. `user`: None for one's own account."""

    name: str
    group: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: str
    user: str | None = None
    inherit_env: bool = False
    stop_signal: str = "TERM"
    stop_wait_s: int = 15
    log: str = field(default="")

    @property
    def full_name(self) -> str:
        """As the supervisor calls it."""
        return f"{self.group}:{self.name}"


def write_program(home: Home, program: Program) -> None:
    """Passwords stand in this file (mode 0600), not on a command line, where `ps` would show them."""
    write_private_json(program_file(home, program.name), asdict(program))


def program_file(home: Home, name: str) -> Path:
    """Where `launch` finds it."""
    return home.programs_dir / f"{name}.json"
