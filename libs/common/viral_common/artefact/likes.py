"""Say how many likes to expect, and which drafts can be told apart: what a model learned about its own errors."""

from __future__ import annotations

import math
from typing import Annotated

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveInt, model_validator

from viral_common.artefact.training_summary import Part

# Two drafts can be told apart if the one said to be better is so in three of five cases, or more, even at the lower end
# of what was measured.
CLEAR = 0.6


class LikesSpec(Part):
    """Hold what tweets got of which about so many likes were expected: the middle 80%, in log(1 + likes)."""

    levels: Annotated[tuple[float, ...], Field(min_length=1)]
    """Expected log(1 + likes), ascending."""
    low: tuple[NonNegativeFloat, ...]
    high: tuple[NonNegativeFloat, ...]

    @model_validator(mode="after")
    def _check_lengths(self) -> LikesSpec:
        if not len(self.levels) == len(self.low) == len(self.high):
            raise ValueError("levels, low and high must be equally long")
        return self

    def compute_interval(self, log_likes: float) -> tuple[float, float]:
        """Compute the likes that four of five such tweets get, between levels by interpolation."""
        low, high = (
            math.expm1(float(np.interp(log_likes, self.levels, ends))) for ends in (self.low, self.high)
        )
        return low, high


class DraftsSpec(Part):
    """Hold how often the better of two tweets by one author was the one said to be better.

    By the difference of their expected log(1 + likes): sigmoid(slope * difference).
    """

    slope: NonNegativeFloat
    slope_low: NonNegativeFloat
    """The lower end of its 95% interval, by author."""
    authors: PositiveInt
    """Authors that it was measured on."""

    def compute_confidence(self, difference: float) -> float:
        """Compute how often the one said to be better is, 0.5 to 1."""
        return 1 / (1 + math.exp(-min(self.slope * abs(difference), 500.0)))

    def find_clear_difference(self) -> float:
        """Find the least difference that is more than noise; infinite if none is."""
        return math.log(CLEAR / (1 - CLEAR)) / self.slope_low if self.slope_low else math.inf

    def is_clear(self, difference: float) -> bool:
        """Tell whether the difference is more than noise."""
        return abs(difference) >= self.find_clear_difference()
