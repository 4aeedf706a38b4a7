"""Find and stop processes of this stack without asking its supervisor.

It may have been killed, or its folder deleted.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil

from viral_local.home import is_kept_elsewhere

# A clock read in seconds against one read in hundredths.
START_TOLERANCE_S = 3
SUPERVISOR_WAIT_S = 90
LAST_WAIT_S = 10
_POSTGRES_SIGNALS = (signal.SIGINT, signal.SIGQUIT)


@dataclass(frozen=True)
class Orphan:
    """Hold a process of the stack.

    psutil checks the start time before each signal, so a pid given to someone else is left alone.
    """

    process: psutil.Process
    program: str

    def find_parent_pid(self) -> int | None:
        """Find it; None if the process ended meanwhile."""
        with contextlib.suppress(psutil.NoSuchProcess):
            return int(self.process.ppid())
        return None

    def signal(self, gently: bool) -> None:
        """Ask it to stop in the way that it understands, or end it. A killed Postgres would leave shared memory."""
        slow, quick = _POSTGRES_SIGNALS if self.program == "postgres" else (signal.SIGTERM, signal.SIGKILL)
        with contextlib.suppress(psutil.NoSuchProcess):
            self.process.send_signal(slow if gently else quick)


def find_orphans(stack_id: str, home: Path, postmaster_file: Path | None = None) -> list[Orphan]:
    """Find all processes that carry the stack's mark in their environment, and the Postgres that runs on its data.

    A copied folder has the same id: what was started in the other folder, which still holds it, is left alone.
    """
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if (orphan := _recognise_orphan(process, stack_id, home)) is not None:
                found[process.pid] = orphan
    if postmaster_file and (postmaster := find_postmaster(postmaster_file)):
        found[postmaster.pid] = Orphan(postmaster, "postgres")
    return list(found.values())


def find_postmaster(
    pid_file: Path, process_of: Callable[[int], psutil.Process] = psutil.Process
) -> psutil.Process | None:
    """Find the server that wrote the file: same pid, same start time. An old file's pid may be anybody's by now."""
    try:
        pid, data_dir, started_at = pid_file.read_text().splitlines()[:3]
        process = process_of(int(pid))
        is_its_writer = (
            abs(process.create_time() - int(started_at)) <= START_TOLERANCE_S
            and process.status() != psutil.STATUS_ZOMBIE
            and not _is_copied(pid_file, Path(data_dir))
        )
    except (OSError, ValueError, psutil.Error):
        return None
    return process if is_its_writer else None


def stop_orphans(orphans: Iterable[Orphan], gently: bool = True) -> None:
    """Stop the supervisor first, lest it starts the others again; databases last. Returns when all are gone.

    `gently` false is for processes whose data is about to be deleted.
    """
    waves: dict[int, list[Orphan]] = {0: [], 1: [], 2: []}
    for orphan in orphans:
        waves[_choose_wave(orphan.program)].append(orphan)
    for number, wave in waves.items():
        # What is killed stops no children; a Postgres is never killed.
        for orphan in wave if number == 1 and not gently else _find_parents(wave):
            orphan.signal(gently)
        _end(wave, SUPERVISOR_WAIT_S if number == 0 else LAST_WAIT_S * number)


def _find_parents(wave: list[Orphan]) -> list[Orphan]:
    """Find those that nobody else here started: a server stops its children itself, and in its own way."""
    pids = {orphan.process.pid for orphan in wave}
    return [orphan for orphan in wave if orphan.find_parent_pid() not in pids]


def _end(wave: list[Orphan], timeout_s: float) -> None:
    _, alive = psutil.wait_procs([orphan.process for orphan in wave], timeout=timeout_s)
    for process in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=LAST_WAIT_S)


def _choose_wave(program: str) -> int:
    return {"supervisor": 0, "postgres": 2, "epmd": 2}.get(program, 1)


def _is_copied(pid_file: Path, data_dir: Path) -> bool:
    """Check whether its server's file is still in the data directory that it names. Moved data's is not."""
    original = data_dir / pid_file.name
    return original.exists() and not original.samefile(pid_file)


def _recognise_orphan(process: psutil.Process, stack_id: str, home: Path) -> Orphan | None:
    environment = process.environ()
    marked_id, marked_home = environment.get("VIRAL_STACK"), environment.get("VIRAL_STACK_HOME", "")
    if marked_home != str(home) and (
        not stack_id or marked_id != stack_id or is_kept_elsewhere(stack_id, Path(marked_home), home)
    ):
        return None
    if process.status() == psutil.STATUS_ZOMBIE:
        return None
    program = environment.get("VIRAL_PROGRAM", "")
    if not program and "supervisor.supervisord" in process.cmdline():
        program = "supervisor"
    return Orphan(process, program)
