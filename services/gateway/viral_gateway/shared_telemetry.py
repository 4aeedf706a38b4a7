"""Give the workers a folder to count in together; prometheus_client, not imported here, looks for it when it is."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

# As prometheus_client calls it.
SHARED_TELEMETRY = "PROMETHEUS_MULTIPROC_DIR"


def share_telemetry(directory: Path) -> None:
    """Make an empty folder for this process and those it forks; those of gateways that are gone go."""
    own = directory / f"telemetry-{os.getpid()}"
    for old in directory.glob("telemetry-*"):
        if old == own or not _is_alive(int(old.name.partition("-")[2])):
            shutil.rmtree(old, ignore_errors=True)
    own.mkdir(parents=True)
    os.environ[SHARED_TELEMETRY] = str(own.absolute())


def _is_alive(pid: int) -> bool:
    with suppress(ProcessLookupError):
        with suppress(PermissionError):  # somebody else's
            os.kill(pid, 0)
        return True
    return False


def forget_process(pid: int) -> None:
    """Drop what a dead process was (its version, its listeners); what it counted stays."""
    if SHARED_TELEMETRY in os.environ:
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]
