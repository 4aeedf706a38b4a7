"""Whose processes `down` may signal."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import cast

import psutil
import pytest
from viral_local.process.orphans import Orphan, find_orphans, find_postmaster, stop_orphans


class FakeProcess:
    """As much of psutil.Process as is looked at."""

    def __init__(self, pid: int, environment: dict[str, str] | None, created: float = 1000.0) -> None:
        self.pid = pid
        self._environment = environment
        self._created = created

    def environ(self) -> dict[str, str]:
        if self._environment is None:
            raise psutil.AccessDenied(self.pid)
        return self._environment

    def status(self) -> str:
        return "sleeping"

    def cmdline(self) -> list[str]:
        return ["python", "-m", "supervisor.supervisord"]

    def create_time(self) -> float:
        return self._created


def pids_found(monkeypatch: pytest.MonkeyPatch, processes: list[FakeProcess]) -> dict[int, str]:
    monkeypatch.setattr(psutil, "process_iter", lambda: processes)
    return {found.process.pid: found.program for found in find_orphans("abc", Path("/clone/.viral"))}


def test_only_marked_processes_are_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    processes = [
        FakeProcess(1, {"VIRAL_STACK": "abc", "VIRAL_PROGRAM": "trainer"}),
        FakeProcess(2, {"VIRAL_STACK": "another", "VIRAL_PROGRAM": "trainer"}),
        FakeProcess(3, {"VIRAL_DATA_DIR": "/clone/.viral"}),
        FakeProcess(4, None),
    ]

    found = pids_found(monkeypatch, processes)

    assert found == {1: "trainer"}


def test_a_stack_whose_folder_was_deleted_is_known_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = {"VIRAL_STACK": "forgotten", "VIRAL_STACK_HOME": "/clone/.viral", "VIRAL_PROGRAM": "mlflow"}

    found = pids_found(monkeypatch, [FakeProcess(1, marks)])

    assert found == {1: "mlflow"}


def test_the_supervisor_is_told_from_its_children(monkeypatch: pytest.MonkeyPatch) -> None:
    found = pids_found(monkeypatch, [FakeProcess(1, {"VIRAL_STACK": "abc"})])

    assert found == {1: "supervisor"}


def postmaster(tmp_path: Path, text: str, created: float) -> psutil.Process | None:
    pid_file = tmp_path / "postmaster.pid"
    pid_file.write_text(text)
    fake = FakeProcess(77, {}, created)
    return find_postmaster(pid_file, lambda _: cast(psutil.Process, fake))


@pytest.mark.parametrize(
    ("gently", "signalled"),
    [
        (True, {10: signal.SIGTERM, 20: signal.SIGINT}),
        (False, {10: signal.SIGKILL, 11: signal.SIGKILL, 20: signal.SIGQUIT}),
    ],
    ids=["gently", "at once"],
)
def test_a_server_stops_its_children_itself_unless_it_is_killed(
    monkeypatch: pytest.MonkeyPatch, gently: bool, signalled: dict[int, signal.Signals]
) -> None:
    got: dict[int, signal.Signals] = {}
    parents = {10: 1, 11: 10, 20: 1, 21: 20}

    class Signalled(FakeProcess):
        def ppid(self) -> int:
            return parents[self.pid]

        def send_signal(self, number: signal.Signals) -> None:
            got[self.pid] = number

    monkeypatch.setattr(psutil, "wait_procs", lambda processes, timeout: (processes, []))
    programs = {10: "mlflow", 11: "mlflow", 20: "postgres", 21: "postgres"}

    stop_orphans(
        [Orphan(cast(psutil.Process, Signalled(pid, {})), program) for pid, program in programs.items()],
        gently,
    )

    assert got == signalled


def test_postgres_is_found_through_the_file_it_wrote(tmp_path: Path) -> None:
    found = postmaster(tmp_path, "77\n/data\n1001\n5432\n", created=1000.4)

    assert found is not None


def test_a_pid_that_was_given_to_somebody_else_is_left_alone(tmp_path: Path) -> None:
    found = postmaster(tmp_path, "77\n/data\n1001\n5432\n", created=5000.0)

    assert found is None


@pytest.mark.parametrize("text", ["", "77\n", "not a number\n/data\n1001\n"])
def test_a_damaged_pid_file_names_nobody(tmp_path: Path, text: str) -> None:
    assert postmaster(tmp_path, text, created=1001.0) is None
