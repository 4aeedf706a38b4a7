"""Find who runs the servers that refuse to run as root, and where their data is.

Postgres and RabbitMQ must not run as root, and what they read must be readable to whoever runs them. Loosening the
folders above a clone in /root would open them to everyone, so root's stacks keep that data below /var/lib/viral.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from viral_local.errors import StackError

SYSTEM_USER = "viral"
SYSTEM_DIR = Path("/var/lib/viral")


@dataclass(frozen=True)
class Owner:
    """Hold the account and its data folder; `user` is None if the person's own account will do."""

    user: str | None
    data_dir: Path

    @property
    def ids(self) -> tuple[int, int] | None:
        """The uid and gid, for chown."""
        if self.user is None:
            return None
        entry = pwd.getpwnam(self.user)
        return entry.pw_uid, entry.pw_gid

    def make(self, home: Path) -> None:
        """Create the account and the data's folder if they are missing; what was there keeps its mode."""
        if self.user:
            make_system_user(SYSTEM_USER, str(SYSTEM_DIR))
            if not SYSTEM_DIR.is_dir():
                SYSTEM_DIR.mkdir(exist_ok=True)  # another start may be faster
                SYSTEM_DIR.chmod(0o755)  # whatever root's umask is
        self.make_dir(self.data_dir)
        # Lets `viral doctor` say whose data this is, and whether its `.viral` is still there.
        (self.data_dir / "home").write_text(str(home))

    def make_dir(self, path: Path) -> Path:
        """Make a folder below the data directory that only the owner may enter."""
        if not path.is_dir():
            path.mkdir(mode=0o700)
            if self.ids:
                os.chown(path, *self.ids)
        return path

    def run(self, command: list[str], stdin: str = "", **env: str) -> None:
        """Run as the owner with nothing but `env`. Raises StackError with the program's last line."""
        done = subprocess.run(
            command,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            cwd=self.data_dir,
            env={"PATH": os.defpath, "LC_ALL": "C", **env},
            user=self.user,
            group=self.ids[1] if self.ids else None,
            extra_groups=[] if self.ids else None,
        )
        if done.returncode:
            lines = (done.stderr or done.stdout).strip().splitlines() or ["no output"]
            raise StackError(f"{Path(command[0]).name} failed: {lines[-1]}")


def find_owner(home: Path, stack_id: str) -> Owner:
    """Find the person; for root the system user."""
    if os.geteuid() != 0:
        return Owner(None, home / "servers")
    return Owner(SYSTEM_USER, SYSTEM_DIR / stack_id)


def find_leftovers() -> list[tuple[Path, Path]]:
    """Find data below /var/lib/viral whose stack is gone: the folder and the `.viral` it belonged to."""
    if not os.access(SYSTEM_DIR, os.R_OK | os.X_OK):
        return []
    named = [
        (note.parent, Path(note.read_text()))
        for note in SYSTEM_DIR.glob("*/home")
        if os.access(note, os.R_OK)
    ]
    return [(data, home) for data, home in sorted(named) if not _is_used(data, home)]


def _is_used(data: Path, home: Path) -> bool:
    note = home / "stack-id"
    return note.is_file() and note.read_text().strip() == data.name


def make_system_user(name: str, home: str) -> None:
    """Make an account that nobody logs in to, if it is missing."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        nologin = shutil.which("nologin", path="/usr/sbin:/sbin") or "/bin/false"
        options = ["--system", "--no-create-home", "--home-dir", home, "--shell", nologin]
        made = subprocess.run(["useradd", *options, name], capture_output=True, text=True, check=False)
        if made.returncode not in (0, 9):  # 9: another start was faster
            raise StackError(
                f"cannot create the system user `{name}` ({made.stderr.strip()}); create it yourself, "
                "or have the stack run as an ordinary user"
            ) from None
