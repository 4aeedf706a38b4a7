"""Write `.viral/stack.json`: where everything is while the stack is up. Two processes write it, under one lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from viral_local.private_files import lock_file, read_json, write_private_json


def update_pids(stack_file: Path, processes: dict[str, dict[str, Any]], supervisor_pid: int) -> None:
    """Write the pids of what runs now; a program between two lives keeps its last one. No file, no stack: no change."""
    with lock_file(stack_file.with_name("stack.lock")):
        stack = read_json(stack_file)
        if stack is not None:
            stack["pids"] |= select_pids(processes, supervisor_pid)
            write_private_json(stack_file, stack)


def select_pids(processes: dict[str, dict[str, Any]], supervisor_pid: int) -> dict[str, int]:
    """Select the pids by program, and the supervisor's own."""
    running = {name: int(info["pid"]) for name, info in processes.items() if info["pid"] and name != "epmd"}
    return {**running, "supervisor": supervisor_pid}


def write_stack(stack_file: Path, stack: dict[str, Any]) -> None:
    """Replace the whole file."""
    with lock_file(stack_file.with_name("stack.lock")):
        write_private_json(stack_file, stack)
