"""Say in plain words what a drift means: stable, moving or moved."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Self

from viral_common.evaluation.drift import SHIFTED, STABLE, name_level
from viral_common.tweets.feature_names import name_feature

Reading = Literal["stable", "moving", "moved"]
READINGS: dict[str, Reading] = {"stable": "stable", "moderate": "moving", "large": "moved"}
ORDER: tuple[Reading, ...] = ("moved", "moving", "stable")
# One day is not like another: these move by the calendar, and no model is worse for it.
CALENDAR = frozenset({"created_at_dayofweek", "created_at_hour"})
RULE = (
    f"PSI, population stability index: below {STABLE:g} stable, from {SHIFTED:g} on moved, moving in between "
    "(Siddiqi, Credit Risk Scorecards, 2006)."
)


@dataclass(frozen=True)
class Shift:
    """Hold one quantity's PSI, and what chance alone would reach for so many tweets."""

    feature: str
    index: float
    by_chance: float = 0.0

    @property
    def name(self) -> str:
        return name_feature(self.feature)

    @property
    def calendar(self) -> bool:
        """Whether it moves with the days that are covered."""
        return self.feature in CALENDAR

    @property
    def reading(self) -> Reading:
        return READINGS[name_level(self.index, self.by_chance)]

    @property
    def meter(self) -> float:
        """Length of a bar, 0 to 1: full at twice what counts as moved."""
        return min(1.0, self.index / (2 * SHIFTED))


@dataclass(frozen=True)
class Drift:
    shifts: Sequence[Shift]

    @classmethod
    def from_indices(cls, indices: Mapping[str, float]) -> Self:
        """Take what the trainer stored beside a batch."""
        return cls([Shift(name, index) for name, index in indices.items()])

    @property
    def sorted(self) -> list[Shift]:
        """The largest first, those of the calendar last."""
        return sorted(self.shifts, key=lambda shift: (shift.calendar, -shift.index))

    @property
    def reading(self) -> Reading:
        """That of the quantity that moved most, leaving the calendar aside."""
        found = {shift.reading for shift in self.shifts if not shift.calendar}
        return next((reading for reading in ORDER if reading in found), "stable")

    @property
    def words(self) -> str:
        """`likes, hashtags moved; words moving` or `no quantity moved`."""
        named = {
            reading: [s.name for s in self.sorted if s.reading == reading and not s.calendar]
            for reading in ORDER[:2]
        }
        return "; ".join(f"{', '.join(names)} {reading}" for reading, names in named.items() if names) or (
            "no quantity moved"
        )
