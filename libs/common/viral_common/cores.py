"""How much of this machine a process may use."""

from __future__ import annotations

import os


def count_usable_cores() -> int:
    """Those that this process is allowed to; all of the machine's on a system that cannot forbid some, as macOS."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
