"""Run a program that asks a server, without showing the password to others."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

from viral_common.addresses import Account

from viral_local.errors import StackError


def run_client(command: Sequence[str], account: Account | None) -> None:
    """Run it as the account. Raises StackError with the program's own words."""
    env = {**os.environ, **({"PGUSER": account.name, "PGPASSWORD": account.password} if account else {})}
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no output"]
        said = next((line for line in lines if "error:" in line), lines[-1])
        raise StackError(f"{Path(command[0]).name} failed: {said}")
