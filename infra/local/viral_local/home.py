"""Locate the stack's folder (`.viral`), its identity, and what it keeps between starts."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from viral_local.private_files import read_json, write_private
from viral_local.system_user import Owner, find_owner

# The kernel's limit for a socket's path is 104 (macOS) to 108 bytes, and supervisord appends its pid.
SOCKET_PATH_LIMIT = 90


@dataclass(frozen=True)
class Home:
    """Hold the paths inside the stack's folder. Making one touches nothing; `make` does."""

    root: Path

    @property
    def log_dir(self) -> Path:
        return self.root / "logs"

    @property
    def programs_dir(self) -> Path:
        """One file for each program: its command, environment and user, as `launch` reads them."""
        return self.root / "programs"

    @property
    def secrets_dir(self) -> Path:
        """A folder of secret files for each account."""
        return self.root / "secrets"

    @property
    def tls_dir(self) -> Path:
        """The stack's own authority and certificates, as `viral certs` makes them."""
        return self.root / "certs"

    @property
    def has_tls(self) -> bool:
        """Whether the stack was last started with TLS."""
        return bool((read_json(self.plan_file) or {}).get("tls"))

    def locate_tls_dir(self, server: str) -> Path:
        """Locate a server's certificate where whoever runs the server can read it."""
        return self.owner.data_dir / f"{server}-tls"

    @property
    def stack_file(self) -> Path:
        return self.root / "stack.json"

    @property
    def env_file(self) -> Path:
        """The stack's URLs for a shell: `set -a; . .viral/stack.env`."""
        return self.root / "stack.env"

    @property
    def lock_file(self) -> Path:
        return self.root / "lock"

    @property
    def unfinished_file(self) -> Path:
        """The command that was cut off and is to be repeated, if there is one."""
        return self.root / "unfinished"

    @property
    def supervisor_conf(self) -> Path:
        return self.root / "supervisord.conf"

    @property
    def plan_file(self) -> Path:
        """Ports, given servers and settings of the last start."""
        return self.root / "plan.json"

    @cached_property
    def stack_id(self) -> str:
        """Random, made once; empty if this folder never held a stack, or is a copy of one that is still there."""
        note = self.root / "stack-id"
        noted = note.read_text().strip() if note.is_file() else ""
        return "" if noted and self._is_copy(noted) else noted

    @cached_property
    def owner(self) -> Owner:
        """Who runs Postgres and RabbitMQ, and where their data is."""
        return find_owner(self.root, self.stack_id)

    @cached_property
    def socket(self) -> Path:
        """The supervisor's. A deep clone's path can be too long for a socket; then it is in the temporary folder."""
        inside = self.root / "supervisor.sock"
        if len(str(inside).encode()) <= SOCKET_PATH_LIMIT:
            return inside
        return Path(tempfile.gettempdir()) / f"viral-{self.stack_id}" / "supervisor.sock"

    def make(self) -> None:
        """Create the folders and the identity if they are missing."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not Home(self.root).stack_id:  # read anew: another start may have made it meanwhile
            write_private(self.root / "stack-id", secrets.token_hex(4))
        for known in ("stack_id", "owner", "socket"):
            self.__dict__.pop(known, None)
        for folder in (self.log_dir, self.programs_dir, self.secrets_dir, self.socket.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.owner.make(self.root)

    def _is_copy(self, stack_id: str) -> bool:
        """Check whose data it is. A folder that was moved left nothing where it was, so it keeps its identity."""
        note = find_owner(self.root, stack_id).data_dir / "home"
        return note.is_file() and is_kept_elsewhere(stack_id, Path(note.read_text()), self.root)


def is_kept_elsewhere(stack_id: str, named: Path, home: Path) -> bool:
    """Check whether `named` holds that stack and is not `home` under another name."""
    with contextlib.suppress(OSError):
        return (named / "stack-id").read_text().strip() == stack_id and not named.samefile(home)
    return False
