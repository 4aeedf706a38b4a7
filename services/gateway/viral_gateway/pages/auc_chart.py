"""Draw the champion's AUC from batch to batch: where every dot, line and word goes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import ceil, floor
from typing import Self

from viral_gateway.api.record_schemas import BatchOut, VerdictOut
from viral_gateway.pages.number_formats import format_day

# Heights are in pixels, places across in percent: the drawing is as wide as the page allows, its words keep their size.
TOP, BOTTOM, HEIGHT = 26.0, 216.0, 250
STEPS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2)
MOST_TICKS = 6
# So far apart, in percent, words have room beside each other on the narrowest screen.
ROOM_OF_DATE, ROOM_OF_VERSION = 30.0, 15.0


@dataclass(frozen=True)
class Scale:
    """Scale AUC to pixels; the ticks are round numbers."""

    low: float
    high: float
    step: float

    @classmethod
    def from_values(cls, values: Sequence[float]) -> Self:
        """Take the narrowest that holds them all."""
        least, most = min(values), max(values)
        step = next((step for step in STEPS if (most - least) / step <= MOST_TICKS - 2), STEPS[-1])
        low, high = floor(least / step) * step, ceil(most / step) * step
        return cls(low, high if high > low else low + step, step)

    def compute_y(self, value: float) -> float:
        """Compute its pixels from the top."""
        return round(BOTTOM - (value - self.low) / (self.high - self.low) * (BOTTOM - TOP), 1)

    @property
    def ticks(self) -> list[tuple[float, str]]:
        count = round((self.high - self.low) / self.step)
        digits = 3 if self.step < 0.01 else 2
        values = [self.low + number * self.step for number in range(count + 1)]
        return [(self.compute_y(value), f"{value:.{digits}f}") for value in values]


@dataclass(frozen=True)
class Dot:
    """Place a version's AUC on one batch's test tweets; the interval where it is known."""

    version: int
    auc: float
    y: float
    ends: tuple[float, float] | None
    label: str


@dataclass(frozen=True)
class Point:
    x: float
    champion: Dot | None
    """Who is champion after the verdict."""
    rejected: Dot | None
    takes_over: bool


@dataclass(frozen=True)
class AucChart:
    """Draw judged batches, the oldest at the left."""

    points: list[Point]
    scale: Scale
    dates: list[tuple[float, str]]
    height: int = HEIGHT

    @classmethod
    def from_batches(cls, newest_first: Sequence[BatchOut]) -> Self | None:
        """Build the drawing; None if no batch was scored."""
        scored = [
            (batch, batch.verdict)
            for batch in newest_first[::-1]
            if batch.verdict and "auc" in batch.verdict.challenger_metrics
        ]
        if not scored:
            return None
        scale = Scale.from_values([value for _, verdict in scored for value in _list_values(verdict)])
        places = [100 * (number + 0.5) / len(scored) for number in range(len(scored))]
        points = [
            _build_point(x, batch, verdict, scale) for x, (batch, verdict) in zip(places, scored, strict=True)
        ]
        written = _choose_places(places, ROOM_OF_DATE)
        dates = [
            (x, f"{batch.window_from.day} {batch.window_from:%b}")
            for x, (batch, _) in zip(places, scored, strict=True)
            if x in written
        ]
        return cls(points, scale, dates)

    @property
    def lines(self) -> list[tuple[float, float, float, float]]:
        """From champion to champion: x, y, x, y."""
        known = [(point.x, point.champion.y) for point in self.points if point.champion]
        return [(*here, *there) for here, there in pairwise(known)]

    @property
    def names(self) -> list[tuple[float, float, int]]:
        """Where new champions' versions are written: x, y, version."""
        took_over = {point.x: point.champion for point in self.points if point.takes_over and point.champion}
        written = _choose_places(list(took_over), ROOM_OF_VERSION)
        return [
            (x, dot.ends[1] if dot.ends else dot.y, dot.version)
            for x, dot in took_over.items()
            if x in written
        ]

    @property
    def description(self) -> str:
        """For those who cannot see it."""
        champions = [point.champion for point in self.points if point.champion]
        took_over = sum(point.takes_over for point in self.points)
        judged = "1 batch" if len(self.points) == 1 else f"{len(self.points)} batches"
        counts = f"{judged} judged; {took_over} of the challengers took over."
        if not champions:
            return f"{counts} There is no champion yet."
        first, last = champions[0], champions[-1]
        return (
            f"{counts} The champion’s AUC was {first.auc:.3f} at first (version {first.version}) "
            f"and {last.auc:.3f} at last (version {last.version}). The table below has every figure."
        )


def _build_point(x: float, batch: BatchOut, verdict: VerdictOut, scale: Scale) -> Point:
    challenger = _build_dot(verdict.challenger_version, verdict.challenger_metrics, batch, scale)
    if verdict.outcome == "promoted":
        return Point(x, challenger, None, takes_over=True)
    champion = _build_dot(verdict.champion_version, verdict.champion_metrics, batch, scale)
    return Point(x, champion, challenger, takes_over=False)


def _build_dot(version: int | None, scores: Mapping[str, float], batch: BatchOut, scale: Scale) -> Dot | None:
    if version is None or "auc" not in scores:
        return None
    auc, low, high = scores["auc"], scores.get("auc_low"), scores.get("auc_high")
    label, ends = f"version {version}: {auc:.3f}", None
    if low is not None and high is not None:
        label += f" ({low:.3f} to {high:.3f})"
        ends = scale.compute_y(low), scale.compute_y(high)
    label += f", batch of {format_day(batch.window_from)}"
    return Dot(version, auc, scale.compute_y(auc), ends, label)


def _list_values(verdict: VerdictOut) -> list[float]:
    both = verdict.challenger_metrics, verdict.champion_metrics
    return [scores[name] for scores in both for name in ("auc", "auc_low", "auc_high") if name in scores]


def _choose_places(places: Sequence[float], room: float) -> set[float]:
    """Choose those that leave each other room, the last of them always."""
    written: list[float] = []
    for x in reversed(places):
        if not written or written[-1] - x >= room:
            written.append(x)
    return set(written)
