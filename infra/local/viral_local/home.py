"""The stack's folder (`.viral`), its identity, and what it keeps between starts: passwords and ports."""

from __future__ import annotations

import secrets
import tempfile
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from viral_local.owner import Owner, owner_of
from viral_local.private import read_json, write_private, write_private_json

ACCOUNTS = ("postgres", "viral", "mlflow", "rabbitmq")
# The kernel's limit for a socket's path is 104 (macOS) to 108 bytes, and supervisord appends its pid.
SOCKET_PATH_LIMIT = 90


@dataclass(frozen=True)
class Home:
    """Paths inside the stack's folder. Making one touches nothing; `make` does."""

    root: Path

    @property
    def log_dir(self) -> Path:
        return self.root / "logs"

    @property
    def programs_dir(self) -> Path:
        """One file for each program: its command, environment and user, as `launch` reads them."""
        return self.root / "programs"

    @property
    def mlflow_dir(self) -> Path:
        return self.root / "mlflow"

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
    def supervisor_conf(self) -> Path:
        return self.root / "supervisord.conf"

    @property
    def plan_file(self) -> Path:
        """Ports, given servers and settings of the last start."""
        return self.root / "plan.json"

    @cached_property
    def stack_id(self) -> str:
        """Random, made once; empty if this folder never held a stack."""
        note = self.root / "stack-id"
        return note.read_text().strip() if note.is_file() else ""

    @cached_property
    def owner(self) -> Owner:
        """Who runs Postgres and RabbitMQ, and where their data is."""
        return owner_of(self.root, self.stack_id)

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
        note = self.root / "stack-id"
        if not note.exists():
            write_private(note, secrets.token_hex(4))
            self.__dict__.pop("stack_id", None)
        for folder in (self.log_dir, self.programs_dir, self.mlflow_dir, self.socket.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        self.owner.make(self.root)

    def passwords(self) -> dict[str, str]:
        """One for each account of the private servers, generated at the first start."""
        path = self.root / "passwords.json"
        kept: dict[str, str] = read_json(path) or {}
        if missing := [account for account in ACCOUNTS if account not in kept]:
            kept |= {account: secrets.token_urlsafe(24) for account in missing}
            write_private_json(path, kept)
        return kept
