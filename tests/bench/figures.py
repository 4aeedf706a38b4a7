"""A measured figure beside its rival's, taken in the same run on the same machine."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """`value` and `rival_value` in `unit`; without a rival both its name and its value are None."""

    name: str
    value: float
    unit: str
    rival: str | None
    rival_value: float | None
    target: str
    met: bool
    less_is_better: bool = False
    """For seconds and megabytes."""

    @property
    def ratio(self) -> float | None:
        """How many times better than the rival: above 1 is better, whether more or less is."""
        if self.rival_value is None:
            return None
        return self.rival_value / self.value if self.less_is_better else self.value / self.rival_value

    def row(self) -> dict[str, object]:
        """As bench.json has it."""
        return {
            "name": self.name,
            "value": self.value,
            "unit": self.unit,
            "rival": self.rival,
            "rival_value": self.rival_value,
            "ratio": self.ratio,
            "target": self.target,
            "met": self.met,
        }

    def cells(self) -> list[str]:
        """As the table on the screen has it."""
        return [
            self.name,
            _shown(self.value, self.unit),
            self.rival or "–",
            _shown(self.rival_value, self.unit),
            "–" if self.ratio is None else f"{self.ratio:.2f}",
            self.target,
            "yes" if self.met else "no",
        ]


def _shown(value: float | None, unit: str) -> str:
    """Small figures, such as an AUC, with their decimals."""
    if value is None:
        return "–"
    return f"{value:,.3f} {unit}" if abs(value) < 10 else f"{value:,.0f} {unit}"


def best_rate(count: int, work: Callable[[], object], repeats: int = 3) -> float:
    """Things a second in the fastest of some runs: on a shared machine the others measure the neighbours."""
    seconds = []
    for _ in range(repeats):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return count / min(seconds)
