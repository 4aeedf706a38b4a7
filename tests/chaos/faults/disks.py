"""Give each process a small disk of its own, fill it, and let it hang."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.faults.processes import Heal
from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import Fault

PAUSE_S = 0.2
FILLER = ".chaos-filler"
# Of a run's folder; the process follows.
FOLDER = "viral-chaos-"


@dataclass(frozen=True)
class Disk:
    """An ext4 file system in a file, mounted where a process keeps its data."""

    mounted: Path

    def fill(self) -> Path:
        """Take all the room that is left."""
        filler = self.mounted / FILLER
        with filler.open("wb") as file:
            for piece in (1 << 22, 1 << 16, 1 << 12):
                with suppress(OSError):
                    size = os.fstat(file.fileno()).st_size
                    while True:
                        os.posix_fallocate(file.fileno(), size, piece)
                        size += piece
        return filler


@contextmanager
def mount_disk(image: Path, where: Path, megabytes: int) -> Iterator[Disk]:
    """Make it, and unmount it when all who use it have ended."""
    with image.open("wb") as file:
        file.truncate(megabytes << 20)
    # No room is kept for root, who would else not notice that it is full.
    _run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image))
    where.mkdir(parents=True, exist_ok=True)
    _run("mount", "-o", "loop", str(image), str(where))
    try:
        shutil.rmtree(where / "lost+found")
        yield Disk(where)
    finally:
        subprocess.run(["fsfreeze", "-u", where], capture_output=True, check=False)
        _run("umount", "--lazy", str(where))
        image.unlink()


def remove_leftovers() -> None:
    """Unmount what a run that was killed left behind, so that the room on the true disk comes back."""
    for line in Path("/proc/mounts").read_text().splitlines():
        device, where = line.split()[:2]
        backing = Path("/sys/block", Path(device).name, "loop", "backing_file")
        if not backing.exists():
            continue
        image = Path(backing.read_text().strip().removesuffix(" (deleted)"))
        owner = image.parent.name.removeprefix(FOLDER).partition("-")[0]
        if image.parent.name.startswith(FOLDER) and not Path("/proc", owner).exists():
            subprocess.run(["fsfreeze", "-u", where], capture_output=True, check=False)
            _run("umount", "--lazy", where)
            shutil.rmtree(image.parent, ignore_errors=True)


def fill_disk(pipeline: Pipeline, fault: Fault) -> Heal:
    """Leave no room, until it is healed."""
    filler = pipeline.get_disk(fault.target).fill()
    return lambda: filler.unlink(missing_ok=True)


def slow_disk(pipeline: Pipeline, fault: Fault) -> Heal:
    """Let every write hang, again and again: the file system is frozen for so many milliseconds at a time.

    A shell does it, which thaws it also if this process is killed.
    """
    where, times = (
        pipeline.get_disk(fault.target).mounted,
        int(fault.for_s / (fault.amount / 1000 + PAUSE_S)) + 1,
    )
    once = f"fsfreeze -f '{where}' && sleep {fault.amount / 1000}; fsfreeze -u '{where}'; sleep {PAUSE_S}"
    hanging = subprocess.Popen(
        ["sh", "-c", f"for i in $(seq {times}); do {once}; done"],
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )

    def heal() -> None:
        hanging.wait()

    return heal


def _run(*command: str) -> None:
    deadline = time.monotonic() + 10
    while (done := subprocess.run(command, capture_output=True, text=True, check=False)).returncode != 0:
        if time.monotonic() > deadline:
            raise OSError(f"{' '.join(command)}: {done.stderr.strip()}")
        time.sleep(0.2)
