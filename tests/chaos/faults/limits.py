"""Take memory and file descriptors away from processes that run."""

from __future__ import annotations

import os
import resource
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import psutil

from tests.chaos.faults.processes import Heal
from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import Fault

CGROUP = Path("/sys/fs/cgroup/memory")
PREFIX = "viral-chaos-"
_numbers = count()
# Faults overlap: what was true before the first of them.
_groups: dict[Path, Path] = {}
_limits: dict[psutil.Process, tuple[int, int]] = {}


def limit_memory(pipeline: Pipeline, fault: Fault) -> Heal:
    """Let the processes take so many MiB more than they have: the kernel kills the largest that wants another.

    What was charged before stays with the group they come from (cgroup v1), so the new one starts at nothing.
    """
    tree = pipeline.find_tree(fault.target)
    group = CGROUP / f"{PREFIX}{os.getpid()}-{next(_numbers)}"
    group.mkdir()
    (group / "memory.limit_in_bytes").write_text(str(fault.amount << 20))
    now = _find_group(tree[0].pid)
    home = _groups[group] = _groups.get(now, now)
    _move(tree, group)

    def heal() -> None:
        (group / "memory.limit_in_bytes").write_text("-1")
        while pids := [int(pid) for pid in (group / "cgroup.procs").read_text().split()]:
            _move([psutil.Process(pid) for pid in pids if psutil.pid_exists(pid)], home)
        _remove(group)

    return heal


def limit_descriptors(pipeline: Pipeline, fault: Fault) -> Heal:
    """Let each process open so many files more, and no further one."""
    first, *children = pipeline.find_tree(fault.target)
    soft, hard = _limits.setdefault(first, first.rlimit(resource.RLIMIT_NOFILE))
    for process in (first, *children):
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            # The limit is on numbers, and the next number is the lowest that is free.
            process.rlimit(resource.RLIMIT_NOFILE, (min(soft, process.num_fds() + fault.amount), hard))

    def heal() -> None:
        # Also those that were started meanwhile.
        with suppress(psutil.NoSuchProcess):
            for process in (first, *first.children(recursive=True)):
                with suppress(psutil.NoSuchProcess, ProcessLookupError):
                    process.rlimit(resource.RLIMIT_NOFILE, (soft, hard))

    return heal


def remove_leftovers() -> None:
    """Remove the groups of runs that were killed."""
    for group in CGROUP.glob(f"{PREFIX}*"):
        if not Path("/proc", group.name.removeprefix(PREFIX).partition("-")[0]).exists():
            _move([psutil.Process(int(pid)) for pid in (group / "cgroup.procs").read_text().split()], CGROUP)
            _remove(group)


def _find_group(pid: int) -> Path:
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "memory" in controllers.split(","):
            return CGROUP / path.lstrip("/")
    return CGROUP


def _move(processes: list[psutil.Process], group: Path) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess, ProcessLookupError):
            (group / "cgroup.procs").write_text(str(process.pid))


def _remove(group: Path) -> None:
    deadline = time.monotonic() + 10
    while group.exists():
        try:
            group.rmdir()
        except OSError:  # its last process is not quite gone
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)
