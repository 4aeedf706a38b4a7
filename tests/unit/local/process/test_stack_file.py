"""The pids in stack.json."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from viral_local.private_files import read_json
from viral_local.process.stack_file import update_pids, write_stack


def process(pid: int) -> dict[str, Any]:
    return {"pid": pid}


def test_a_restarted_program_gets_its_new_pid(tmp_path: Path) -> None:
    stack_file = tmp_path / "stack.json"
    write_stack(stack_file, {"gateway_url": "http://here", "pids": {"mlflow": 1, "supervisor": 9}})

    update_pids(stack_file, {"mlflow": process(2), "epmd": process(3)}, 9)

    assert read_json(stack_file) == {"gateway_url": "http://here", "pids": {"mlflow": 2, "supervisor": 9}}


def test_a_program_between_two_lives_keeps_its_last_pid(tmp_path: Path) -> None:
    stack_file = tmp_path / "stack.json"
    write_stack(stack_file, {"pids": {"mlflow": 1}})

    update_pids(stack_file, {"mlflow": process(0)}, 9)

    assert read_json(stack_file) == {"pids": {"mlflow": 1, "supervisor": 9}}


def test_a_stack_that_is_down_is_not_written_back(tmp_path: Path) -> None:
    update_pids(tmp_path / "stack.json", {"mlflow": process(1)}, 9)

    assert not (tmp_path / "stack.json").exists()
