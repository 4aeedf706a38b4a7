"""When tweets are posted, and how that goes with likes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from viral_trainer.eda.facts.shares import FEW, Share

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True)
class Week:
    """Tweets by hour and weekday, UTC."""

    tweets: NDArray[np.int64]  # (24, 7)
    viral: NDArray[np.int64]  # (24, 7)

    @property
    def days(self) -> list[int]:
        """The weekdays on which anything was posted; Monday is 0."""
        return [day for day in range(7) if self.tweets[:, day].any()]

    @property
    def covers_a_week(self) -> bool:
        """Whether there is more to see than a day or two."""
        return int((self.tweets.sum(axis=0) >= FEW).sum()) > 2

    def cell(self, hour: int, day: int) -> Share:
        """One hour of one weekday."""
        label = f"{DAYS[day]} {hour:02d}:00"
        return Share(label, int(self.tweets[hour, day]), int(self.viral[hour, day]))

    @property
    def hours(self) -> list[Share]:
        """Each hour of the day, over all days."""
        both = zip(self.tweets.sum(axis=1), self.viral.sum(axis=1), strict=True)
        return [Share(f"{hour:02d}:00", int(tweets), int(viral)) for hour, (tweets, viral) in enumerate(both)]

    def extremes(self) -> tuple[Share, Share] | None:
        """The hours of the week with the lowest and the highest share, of at least two with enough tweets."""
        cells = [self.cell(hour, day) for hour in range(24) for day in self.days]
        enough = sorted((cell for cell in cells if cell.tweets >= FEW), key=lambda cell: cell.rate)
        return (enough[0], enough[-1]) if len(enough) > 1 else None

    def luck(self) -> float | None:
        """How often chance alone would make hours that differ as much (chi-squared), of those with enough tweets."""
        enough = self.tweets >= FEW
        viral, others = self.viral[enough], (self.tweets - self.viral)[enough]
        if enough.sum() < 2 or not viral.any() or not others.any():
            return None
        return float(chi2_contingency(np.stack([viral, others]))[1])


def week_of(posted_at: NDArray[np.datetime64], viral: NDArray[np.bool_]) -> Week:
    """Of times in UTC, (n,)."""
    hours = posted_at.astype("datetime64[h]").astype(np.int64)
    # 1970 began on a Thursday.
    cells = hours % 24 * 7 + (hours // 24 + 3) % 7
    tweets, weights = np.bincount(cells, minlength=168), np.bincount(cells, weights=viral, minlength=168)
    return Week(tweets.reshape(24, 7).astype(np.int64), weights.reshape(24, 7).astype(np.int64))
