"""Run cases in processes that are watched: for crashes, for errors nobody declared, for time and memory."""

from __future__ import annotations

import multiprocessing
import os
import random
import resource
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from types import ModuleType
from typing import Any

# Of processor, children included; on a busy host a case waits for others and is only given up later.
MOST_S = 10
GIVEN_UP_S = 60
# Beyond what the process holds at its start; a case that asks for more address space than the second is stopped there.
MOST_MIB = 512
ADDRESSES = 6 << 30


@dataclass
class Report:
    """What became of the cases."""

    outcomes: Counter[str] = field(default_factory=Counter)
    findings: dict[int, str] = field(default_factory=dict)
    slowest: tuple[float, int] = (0.0, -1)
    largest: tuple[int, int] = (0, -1)

    def add(self, seed: int, outcome: str, processor_s: float, wall_s: float, mib: int) -> None:
        self.outcomes[outcome] += 1
        self.slowest = max(self.slowest, (wall_s, seed))
        self.largest = max(self.largest, (mib, seed))
        if processor_s > MOST_S:
            self.find(seed, f"took {processor_s:.1f} s of processor")
        if mib > MOST_MIB:
            self.find(seed, f"took {mib:,} MiB of memory")

    def find(self, seed: int, what: str) -> None:
        """Keep a finding, and show it at once: the other cases may take hours."""
        self.findings[seed] = what
        sys.stdout.write(f"FINDING seed {seed}: {what}\n")
        sys.stdout.flush()

    def describe(self) -> Iterator[str]:
        yield f"{self.outcomes.total():,} cases: " + ", ".join(
            f"{count:,} {outcome}" for outcome, count in self.outcomes.most_common()
        )
        yield f"slowest {self.slowest[0]:.1f} s (seed {self.slowest[1]})"
        yield f"most memory {self.largest[0]:,} MiB beyond the start's (seed {self.largest[1]})"
        yield f"{len(self.findings)} findings"


@dataclass(eq=False)
class _Worker:
    process: Any
    connection: Connection
    seed: int | None = None
    since: float = 0.0


def run_cases(kind: ModuleType, seeds: Sequence[int], processes: int = 1) -> Report:
    """Run them side by side; a process that dies or hangs is replaced, and goes on after the case that hurt it."""
    report = Report()
    with tempfile.TemporaryDirectory(prefix="viral-fuzz-", dir=_find_folder()) as folder:
        state = kind.prepare(Path(folder))
        shares = [list(seeds[number::processes]) for number in range(processes)]
        workers = {_start(kind, state, Path(folder), share): share for share in shares if share}
        while workers:
            by_connection = {worker.connection: worker for worker in workers}
            for connection in wait(list(by_connection), timeout=1):
                worker = by_connection[connection]  # type: ignore[index]
                _receive(report, kind, state, Path(folder), workers, worker)
            for worker in list(workers):
                if worker.seed is not None and time.monotonic() - worker.since > GIVEN_UP_S:
                    with suppress(ProcessLookupError):
                        os.killpg(worker.process.pid, signal.SIGKILL)
    return report


def _receive(
    report: Report,
    kind: ModuleType,
    state: Any,
    folder: Path,
    workers: dict[_Worker, list[int]],
    worker: _Worker,
) -> None:
    share = workers[worker]
    try:
        message = worker.connection.recv()
    except EOFError:
        worker.process.join()
        del workers[worker]
        if worker.seed is None:
            return
        hung = time.monotonic() - worker.since > GIVEN_UP_S
        report.outcomes["hung" if hung else "crashed"] += 1
        ended = f"the process ended with {worker.process.exitcode}"
        report.find(worker.seed, f"no end within {GIVEN_UP_S} s" if hung else ended)
        if rest := share[share.index(worker.seed) + 1 :]:
            workers[_start(kind, state, folder, rest)] = rest
        return
    if isinstance(message, int):
        worker.seed, worker.since = message, time.monotonic()
        return
    seed, outcome, error, *measured = message
    worker.seed = None
    report.add(seed, outcome, *measured)
    if error:
        report.find(seed, error)


def _start(kind: ModuleType, state: Any, folder: Path, seeds: list[int]) -> _Worker:
    ours, theirs = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("fork").Process(
        target=_work, args=(kind, state, folder, seeds, ours, theirs)
    )
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(
    kind: ModuleType,
    state: Any,
    folder: Path,
    seeds: list[int],
    readers_end: Connection,
    connection: Connection,
) -> None:
    readers_end.close()  # so that this process ends when nobody reads any more
    os.setpgrp()
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + ADDRESSES,) * 2)
    for seed in seeds:
        connection.send(seed)
        held, started, used = _reset_peak(), time.monotonic(), _read_processor_s()
        error = None
        with tempfile.TemporaryDirectory(dir=folder) as own:
            try:
                outcome = kind.run(random.Random(seed), state, Path(own))
            except BaseException:
                outcome, error = "undeclared error", traceback.format_exc()[-3_000:]
        grown = (read_memory("VmHWM") - held) >> 10
        measured = (_read_processor_s() - used, time.monotonic() - started, grown)
        connection.send((seed, outcome, error, *measured))
    connection.close()


def fork(work: Callable[[], str]) -> str:
    """Do `work` in a process of its own: what it returns, or `crashed …`; what it raises is raised here, as text."""
    reading, writing = os.pipe()
    if not (child := os.fork()):
        try:
            answer = "=" + work()
        except BaseException:
            answer = "!" + traceback.format_exc()[-3_000:]
        os.write(writing, answer.encode(errors="replace"))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading, errors="replace") as pipe:
        answer = pipe.read()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if not answer:
        return f"crashed with {status}"
    if answer[0] == "!":
        raise RuntimeError(answer[1:])
    return answer[1:]


def _reset_peak() -> int:
    Path("/proc/self/clear_refs").write_text("5")
    return read_memory("VmRSS")


def read_memory(name: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(name))


def _read_processor_s() -> float:
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in both)


def _find_folder() -> str | None:
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
