"""How long a backup and a restore of a million tweets take, and how large it is. `python -m tests.bench.backup`."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from viral_common.database.engine import connect_to
from viral_local.backup.backup import Parts, make_backup
from viral_local.backup.restore import restore_stack
from viral_local.prepare.postgres import prepare_tables
from viral_local.stack.only_servers import make_servers_stack

from tests.bench.crowded import fill
from tests.bench.figures import Figure

ROWS = 1_000_000
MOST_BACKUP_S, MOST_RESTORE_S, MOST_MB = 60, 120, 400


def measure(scratch: Path) -> list[Figure]:
    """Back up into the same disk what Postgres alone holds, lose it, restore it."""
    home, folder = scratch / "backed-up", scratch / "backup"
    stack = make_servers_stack(home)
    with stack.hold("a benchmark"), stack.run_postgres() as plan:
        prepare_tables(plan.owner_url)
        engine = connect_to(plan.owner_url)
        fill(engine, ROWS)
        engine.dispose()
        started = time.perf_counter()
        manifest, _ = make_backup(Parts.from_plan(plan), folder, stack.step)
        backup_s = time.perf_counter() - started
    stack.down(purge=True)
    stack = make_servers_stack(home)
    started = time.perf_counter()
    restore_stack(stack, folder, replace=False)
    restore_s = time.perf_counter() - started
    stack.down(purge=True)
    return [
        _at_most("backup of a million tweets", backup_s, "s", MOST_BACKUP_S),
        _at_most("its size", sum(size for size, _ in manifest.files.values()) / 1e6, "MB", MOST_MB),
        _at_most("restoring it into nothing", restore_s, "s", MOST_RESTORE_S),
    ]


def _at_most(name: str, value: float, unit: str, most: float) -> Figure:
    return Figure(name, value, unit, None, None, f"≤ {most:g} {unit}", value <= most, less_is_better=True)


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        Console().print(*(" | ".join(figure.cells()) for figure in measure(Path(scratch))), sep="\n")
