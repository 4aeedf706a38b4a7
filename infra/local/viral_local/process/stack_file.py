"""`.viral/stack.json`: where everything is while the stack is up. Two processes write it, under one lock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from viral_local.private_files import locked, read_json, write_private_json


def update_pids(stack_file: Path, processes: dict[str, dict[str, Any]], supervisor_pid: int) -> None:
    """Write the pids of what runs now; a program between two lives keeps its last one. No file, no stack: no change."""
    with locked(stack_file.with_name("stack.lock")):
        stack = read_json(stack_file)
        if stack is not None:
            stack["pids"] |= pids_of(processes, supervisor_pid)
            write_private_json(stack_file, stack)


def pids_of(processes: dict[str, dict[str, Any]], supervisor_pid: int) -> dict[str, int]:
    """By program, and the supervisor's own."""
    running = {name: int(info["pid"]) for name, info in processes.items() if info["pid"] and name != "epmd"}
    return {**running, "supervisor": supervisor_pid}


def write_stack(stack_file: Path, stack: dict[str, Any]) -> None:
    """Replace the whole file."""
    with locked(stack_file.with_name("stack.lock")):
        write_private_json(stack_file, stack)
