"""Describe one supervised process: what `launch` needs to become it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path

from viral_local.home import Home
from viral_local.private_files import read_json, write_private_json

# The niceness of all that nobody waits for at a form or an API: a batch may take longer, a reply may not.
BEHIND_REPLIES = 10


@dataclass(frozen=True)
class Program:
    """Describe a program.

    `group` decides the order of stopping: services, then servers, then base. `user`: None for one's own account.
    """

    name: str
    group: str
    command: list[str]
    env: dict[str, str]
    cwd: str
    user: str | None = None
    inherit_env: bool = False
    stop_signal: str = "TERM"
    stop_wait_s: int = 15
    niceness: int = 0
    """How far it steps back behind the others, where they want the same processors."""

    @property
    def full_name(self) -> str:
        """As the supervisor calls it."""
        return f"{self.group}:{self.name}"


def write_program(home: Home, program: Program) -> bool:
    """Write its file and return whether it changed.

    Passwords stand in this file (mode 0600), not on a command line, where `ps` shows them.
    """
    path, document = locate_program_file(home, program.name), asdict(program)
    if read_json(path) == document:
        return False
    write_private_json(path, document)
    return True


def read_environment(home: Home, name: str) -> dict[str, str]:
    """Read the program's last environment; empty if it was never written."""
    return dict((read_json(locate_program_file(home, name)) or {}).get("env", {}))


def locate_program_file(home: Home, name: str) -> Path:
    """Locate the file that `launch` reads."""
    return home.programs_dir / f"{name}.json"
