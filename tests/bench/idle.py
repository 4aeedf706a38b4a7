"""What the one-machine stack costs while it has nothing to do: `python -m tests.bench.idle DATA_DIR` asks one."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
from rich.console import Console

from tests.bench.figures import Figure
from tests.e2e.archives import small_archive

SETTLE_S, WATCH_S = 45, 60
MOST_PERCENT, MOST_MB = 6.0, 900.0


@dataclass(frozen=True)
class Cost:
    """Of a program with all that it started."""

    cpu_s: float
    pss_mb: float
    rss_mb: float


def measure(scratch: Path) -> list[Figure]:
    """After a small demo: a model is served, the source is exhausted, nobody asks."""
    viral = str(Path(sys.executable).with_name("viral"))
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRAL_")}
    scratch.mkdir(exist_ok=True)
    home = scratch / "idle"
    options = {
        "env": {**kept, "VIRAL_DATA_DIR": str(home), "VIRAL_BATCH_SIZE": "3000"},
        "cwd": scratch,
        "check": True,
        "capture_output": True,
    }
    try:
        subprocess.run([viral, "demo", "--tweets", str(small_archive(scratch, 6_000))], **options)  # type: ignore[call-overload]
        time.sleep(SETTLE_S)
        costs = watch(home)
    finally:
        subprocess.run([viral, "down", "--purge"], **options)  # type: ignore[call-overload]
    percent = 100 * sum(cost.cpu_s for cost in costs.values()) / WATCH_S
    pss_mb = sum(cost.pss_mb for cost in costs.values())
    return [
        _at_most("the idle stack, of one core", percent, "%", MOST_PERCENT),
        _at_most("the idle stack's memory (PSS)", pss_mb, "MB", MOST_MB),
    ]


def watch(home: Path, seconds: float = WATCH_S) -> dict[str, Cost]:
    """Watch each program for a while; the supervisor's own is `supervisor`."""
    root = psutil.Process(json.loads((home / "stack.json").read_text())["pids"]["supervisor"])
    programs = {
        one.environ().get("VIRAL_PROGRAM", "listener"): [one, *one.children(recursive=True)]
        for one in root.children()
    }
    programs["supervisor"] = [root]
    before = {name: _sum_cpu_s(processes) for name, processes in programs.items()}
    time.sleep(seconds)
    costs = {}
    for name, processes in programs.items():
        memory = [one.memory_full_info() for one in processes if one.is_running()]
        costs[name] = Cost(
            _sum_cpu_s(processes) - before[name],
            sum(one.pss for one in memory) / 1e6,
            sum(one.rss for one in memory) / 1e6,
        )
    return costs


def _sum_cpu_s(processes: list[psutil.Process]) -> float:
    """Also of what they started and waited for meanwhile."""
    return sum(sum(one.cpu_times()[:4]) for one in processes if one.is_running() and one.pid != os.getpid())


def _at_most(name: str, value: float, unit: str, most: float) -> Figure:
    return Figure(name, value, unit, None, None, f"≤ {most:g} {unit}", value <= most, less_is_better=True)


def main(home: Path) -> None:
    """Print a line for each program of a stack that runs."""
    costs = watch(home)
    for name, cost in sorted(costs.items(), key=lambda item: -item[1].cpu_s):
        percent = 100 * cost.cpu_s / WATCH_S
        Console().print(f"{name:12} {percent:5.2f} % {cost.pss_mb:6.0f} MB PSS {cost.rss_mb:6.0f} MB RSS")
    total = 100 * sum(cost.cpu_s for cost in costs.values()) / WATCH_S
    pss, rss = (sum(getattr(cost, kind) for cost in costs.values()) for kind in ("pss_mb", "rss_mb"))
    Console().print(f"{'all':12} {total:5.2f} % {pss:6.0f} MB PSS {rss:6.0f} MB RSS")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
