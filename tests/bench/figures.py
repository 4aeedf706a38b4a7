"""A measured figure beside its rival's, taken in the same run on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """More is better: `value` and `rival_value` are rates in `unit`."""

    name: str
    value: float
    unit: str
    rival: str
    rival_value: float
    target: str
    met: bool

    @property
    def ratio(self) -> float:
        """How many times the rival's rate."""
        return self.value / self.rival_value


def best_rate(count: int, work: Callable[[], object], repeats: int = 3) -> float:
    """Things a second in the fastest of some runs: on a shared machine the others measure the neighbours."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return count / min(seconds)
