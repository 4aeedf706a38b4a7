"""Draw small bars of what a change would make of a probability."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from viral_gateway.pages.number_formats import format_points
from viral_gateway.prediction.predict import Prediction
from viral_gateway.prediction.what_if import Hour

# The columns of the hours' drawing, in its own units.
COLUMN, HEIGHT = 10, 40
# Hours that differ by less are called alike.
ALIKE = 0.005


@dataclass(frozen=True)
class Row:
    """Hold a change, what it makes of the probability, and by how many points."""

    name: str
    probability: float
    points: str


@dataclass(frozen=True)
class Column:
    x: int
    y: float
    height: float
    best: bool


@dataclass(frozen=True)
class WhatIfView:
    """Hold the bars: `rows` begins with the tweet as it is; where every hour is alike, none is called the best."""

    rows: list[Row]
    columns: list[Column]
    hours: list[Hour]
    best: Hour | None
    lowest: float
    highest: float

    @classmethod
    def from_prediction(cls, prediction: Prediction) -> Self:
        """Draw hours from zero to the highest of them, so that a small difference looks small."""
        outcome = prediction.what_if
        assert outcome is not None, "the form asks for it"  # noqa: S101
        lowest, highest = min(hour.probability for hour in outcome.hours), outcome.best.probability
        alike = highest - lowest < ALIKE
        rows = [
            Row(name, probability, format_points(probability - prediction.probability))
            for name, probability in outcome.changes
        ]
        return cls(
            [Row("As it is", prediction.probability, ""), *rows],
            _build_columns(outcome.hours, outcome.best),
            outcome.hours,
            None if alike else outcome.best,
            lowest,
            highest,
        )

    @property
    def gain(self) -> str:
        """What posting at the best hour adds, in points."""
        return format_points(self.highest - self.hours[0].probability)


def _build_columns(hours: list[Hour], best: Hour) -> list[Column]:
    highest = best.probability or 1.0
    heights = [round(HEIGHT * hour.probability / highest, 1) for hour in hours]
    return [
        Column(number * COLUMN, HEIGHT - height, height, hour is best)
        for number, (hour, height) in enumerate(zip(hours, heights, strict=True))
    ]
