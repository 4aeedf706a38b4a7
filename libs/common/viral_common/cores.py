"""Find out how much of this machine a process may use."""

from __future__ import annotations

import os


def count_usable_cores() -> int:
    """Count the cores that this process is allowed to use; on macOS, which cannot forbid any, all of the machine's."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
