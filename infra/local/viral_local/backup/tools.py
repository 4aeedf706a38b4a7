"""Choose and run Postgres' own tools: of a version that fits the server, with TLS where its address asks for it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from viral_common.addresses import split_account
from viral_common.errors import UsageError

from viral_local.process.client import run_client
from viral_local.servers.postgres import list_programs

JOBS = str(min(4, os.cpu_count() or 1))


@dataclass(frozen=True)
class Tools:
    """Dump and restore with the programs of one major version."""

    version: int
    folder: Path

    def dump(self, url: str, folder: Path) -> None:
        """Dump a database as it is at one moment. Every build can read gzip; its first level is nearly as small."""
        self._run("pg_dump", url, "--format=directory", "--compress=1", f"--file={folder}")

    def restore(self, url: str, folder: Path, owner: str) -> None:
        """Restore into an empty database; everything will be the owner's, with no rights of others."""
        options = ("--no-owner", "--no-acl", f"--role={owner}", "--exit-on-error", str(folder))
        self._run("pg_restore", url, *options)

    def _run(self, program: str, url: str, *options: str) -> None:
        bare, account = split_account(url)
        run_client(
            [str(self.folder / program), f"--dbname={bare}", f"--jobs={JOBS}", "--no-password", *options],
            account,
        )


def find_tools(version: int, url: str) -> Tools:
    """Find the oldest that are as new as `version`. Raises UsageError if all are older."""
    encrypted = "sslmode=" in url
    found = list_programs("pg_dump", encrypted)
    if path := shutil.which("pg_dump"):
        said = subprocess.run([path, "--version"], capture_output=True, text=True, check=True).stdout
        found.setdefault(int(re.findall(r"\d+", said)[0]), Path(path).parent)
    fitting = {number: folder for number, folder in found.items() if number >= version}
    if not fitting:
        kind = " with TLS" if encrypted else ""
        raise UsageError(
            f"pg_dump {version} or newer{kind} is needed, here is {', '.join(map(str, sorted(found))) or 'none'}: "
            f"`apt-get install postgresql-client-{version}`, or run this beside the server"
        )
    return Tools(*min(fitting.items()))
