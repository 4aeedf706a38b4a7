"""Do work in a process of its own, which ends with this one: its memory goes back, and its crash is one error here."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import structlog

from viral_common import errors
from viral_common.errors import ChildFailed, NotYet, ViralError, summarise_error

log = structlog.get_logger()

POLL_S = 0.1
LONGEST_REASON = 4000
_PR_SET_PDEATHSIG = 1


def run_in_child(
    module: str,
    request: Any,
    what: str,
    *,
    stopping: threading.Event | None = None,
    timeout_s: float = float("inf"),
    **options: Any,
) -> Any:
    """Run `module`, whose `answer_parent` gets the request; return what its work returned. Both are JSON.

    Raises this product's errors as the work raised them, ChildFailed for every other end, NotYet once `stopping` is
    set or while this host has no room for a process, TimeoutError. `what` names the work in their words; `options` are
    those of Popen.
    """
    until = time.monotonic() + timeout_s
    command = [sys.executable, "-m", module, str(os.getpid())]
    try:
        started = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
    except OSError as error:  # of descriptors, processes, memory: says nothing about the work
        raise NotYet(f"no process can be started for {what}: {error.strerror}") from error
    with started as child:
        try:
            with suppress(BrokenPipeError), child.stdin as stdin:  # type: ignore[union-attr]
                stdin.write(json.dumps(request).encode())
            child.stdin = said = None
            while said is None:
                with suppress(subprocess.TimeoutExpired):
                    said, _ = child.communicate(timeout=POLL_S)
                if stopping is not None and stopping.is_set():
                    raise NotYet(f"{what} was interrupted: the service was stopped")
                if said is None and time.monotonic() > until:
                    raise TimeoutError(f"{what} did not end within {timeout_s:g} s")
        finally:
            child.kill()
    if child.returncode < 0:
        raise ChildFailed(f"{what} was ended by signal {-child.returncode}; is there enough memory?")
    if child.returncode or not said:
        raise ChildFailed(f"{what} ended with status {child.returncode} and without a result; see the log")
    reply = json.loads(said)
    if "error" in reply:
        raise getattr(errors, reply["error"])(reply["reason"])
    return reply["result"]


def answer_parent(work: Callable[[Any], Any]) -> None:
    """Give the parent's request to `work`, answer what it returns or raises, and end this process."""
    end_with_parent(int(sys.argv[1]))
    # Whoever prints means a person, not the parent.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    try:
        reply = {"result": work(json.load(sys.stdin))}
    except ViralError as error:
        known = next(kind for kind in type(error).__mro__ if kind.__module__ == errors.__name__)
        reply = {"error": known.__name__, "reason": str(error)[:LONGEST_REASON]}
    except Exception as error:
        log.exception("failed in a process of its own")
        reason = f"{type(error).__name__}: {summarise_error(error)}"
        reply = {"error": ChildFailed.__name__, "reason": reason}
    with answers:
        json.dump(reply, answers)
    sys.stderr.flush()
    os._exit(0)  # torch takes seconds to unload


def limit_memory(mebibytes: int) -> None:
    """Let this process hold no more; what it asks for beyond fails. Meant for Linux: elsewhere it changes nothing."""
    if mebibytes and sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_DATA, (mebibytes << 20, mebibytes << 20))


def end_with_parent(parent: int) -> None:
    """End when the parent ends, and not by a signal to the whole group: the parent decides what that means."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        # Where memory is short the kernel ends this process first.
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")
    if os.getppid() != parent:
        os._exit(1)
