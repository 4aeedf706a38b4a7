"""Work in a process of its own: what it returns and raises arrives, and it ends with whoever started it."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import textwrap
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from viral_common.child import run_in_child
from viral_common.errors import ChildFailed, NotYet, RegistryUnavailable, Unusable, UsageError

WORK = """
    import os, signal, sys, time
    from viral_common import child, errors

    class Special(errors.NotYet): ...

    def work(request):
        print("for people")
        match request:
            case ["raise", name]: raise getattr(errors, name)("because")
            case ["special"]: raise Special("because")
            case ["bug"]: raise KeyError("nothing")
            case ["signal", number]: os.kill(os.getpid(), number); time.sleep(60)
            case ["exit", code]: os._exit(code)
            case ["memory", limit]:
                child.limit_memory(limit)
                return len(bytearray(1 << 30))
            case ["sleep", file]:
                open(file, "w").write(str(os.getpid()))
                time.sleep(60)
            case ["adjusted"]: return open("/proc/self/oom_score_adj").read().strip()
        return {"got": request}

    child.answer_parent(work)
"""


@pytest.fixture(autouse=True)
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "some_work.py").write_text(textwrap.dedent(WORK))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))


def ask(*request: Any, **options: Any) -> Any:
    return run_in_child("some_work", list(request), "the work", **options)


def test_what_it_returns_arrives_whatever_it_prints() -> None:
    assert ask("ä", {"n": [1.5, None]}) == {"got": ["ä", {"n": [1.5, None]}]}


def test_a_host_without_room_for_a_process_is_waited_for() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (3, hard))
    try:
        with pytest.raises(NotYet, match="no process can be started for the work: Too many open files"):
            ask("anything")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("error", [NotYet, Unusable, UsageError, RegistryUnavailable])
def test_the_products_errors_arrive_as_these(error: type[Exception]) -> None:
    with pytest.raises(error, match=r"^because$") as raised:
        ask("raise", error.__name__)

    assert type(raised.value) is error


def test_an_error_of_the_works_own_arrives_as_the_products_kind() -> None:
    with pytest.raises(NotYet, match="because"):
        ask("special")


def test_any_other_error_is_a_failure_with_its_traceback_in_the_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(ChildFailed, match="KeyError: 'nothing'"):
        ask("bug")

    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize("number", [9, 11])
def test_a_signal_is_one_failure_that_is_told_at_once(number: int) -> None:
    started = time.monotonic()

    with pytest.raises(ChildFailed, match=f"the work was ended by signal {number}; is there enough memory"):
        ask("signal", number)

    assert time.monotonic() - started < 10


@pytest.mark.parametrize("code", [0, 3])
def test_an_end_without_a_result_is_a_failure(code: int) -> None:
    with pytest.raises(ChildFailed, match=f"ended with status {code} and without a result"):
        ask("exit", code)


def test_it_gets_no_more_memory_than_allowed() -> None:
    with pytest.raises(ChildFailed, match="MemoryError"):
        ask("memory", 500)
    assert ask("memory", 0) == 1 << 30


def test_it_is_the_first_to_go_where_memory_is_short() -> None:
    assert ask("adjusted") == "1000"


def test_what_takes_too_long_is_ended() -> None:
    with pytest.raises(TimeoutError, match=r"did not end within 0\.3 s"):
        ask("sleep", os.devnull, timeout_s=0.3)


def wait_for_pid(file: Path) -> int:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if file.exists() and (text := file.read_text()):
            return int(text)
        time.sleep(0.02)
    raise TimeoutError


def is_running(pid: int) -> bool:
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_it_ends_at_once_when_the_service_is_stopped(tmp_path: Path) -> None:
    stopping, file = threading.Event(), tmp_path / "pid"
    ends: list[Exception] = []

    def run() -> None:
        try:
            ask("sleep", str(file), stopping=stopping)
        except NotYet as error:
            ends.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    pid = wait_for_pid(file)
    started = time.monotonic()
    stopping.set()
    thread.join()

    assert time.monotonic() - started < 2
    assert not is_running(pid)
    assert ends


def test_it_ends_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    code = f"from viral_common.child import run_in_child; run_in_child('some_work', ['sleep', {str(file)!r}], 'x')"
    with subprocess.Popen([sys.executable, "-c", code]) as parent:
        pid = wait_for_pid(file)
        assert is_running(pid)
        parent.kill()

    deadline = time.monotonic() + 5
    while is_running(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_requests_and_answers_can_be_long() -> None:
    long = "x" * 300_000

    assert ask(long) == {"got": [long]}
