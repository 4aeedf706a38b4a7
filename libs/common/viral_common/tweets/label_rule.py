"""Define when a tweet has a label, and which."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

# A tweet's own likes, and those of the same instant, are not its past, however young a label may be.
INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Call a tweet viral that has more than `threshold` likes, read once it was `min_age` old."""

    threshold: int
    min_age: timedelta

    @property
    def settle(self) -> timedelta:
        """How long before a tweet its author's earlier ones must have been posted for their likes to be known."""
        return max(self.min_age, INSTANT)

    def is_viral(self, like_count: int) -> bool:
        """Say whether so many likes are enough."""
        return like_count > self.threshold

    def is_mature(self, posted_at: datetime, counts_observed_at: datetime | None) -> bool:
        """Say whether the likes had time to come; those of an archive, read nobody knows when, count as old enough."""
        return counts_observed_at is None or counts_observed_at - posted_at >= self.min_age
