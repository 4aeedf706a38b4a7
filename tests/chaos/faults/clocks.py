"""Set the wall clocks of single processes, which share one kernel and so one true clock."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.faults.processes import Heal
from tests.chaos.pipeline import Pipeline
from tests.chaos.schedule import Fault

SOURCE = Path(__file__).with_name("clock.c")


@dataclass(frozen=True)
class Clock:
    """A process's own: the file that says how many seconds it is ahead."""

    library: Path
    file: Path

    @property
    def environment(self) -> dict[str, str]:
        """For the process, and its children with it."""
        return {"LD_PRELOAD": str(self.library), "CHAOS_CLOCK": str(self.file)}

    def step(self, seconds: int) -> None:
        """Be so far ahead of the true clock from now on, or behind it."""
        with self.file.open("r+b") as file:
            file.write(struct.pack("q", seconds))


def build_library(folder: Path) -> Path:
    """Compile the library that adds the seconds."""
    library = folder / "clock.so"
    subprocess.run(["tcc", "-shared", "-nostdlib", "-o", library, SOURCE], check=True)
    return library


def make_clock(library: Path, file: Path) -> Clock:
    """Make one that is right."""
    file.write_bytes(struct.pack("q", 0))
    return Clock(library, file)


def step_clock(pipeline: Pipeline, fault: Fault) -> Heal:
    """Set it ahead or back, and right again afterwards."""
    clock = pipeline.get_clock(fault.target)
    clock.step(fault.amount)
    return lambda: clock.step(0)
