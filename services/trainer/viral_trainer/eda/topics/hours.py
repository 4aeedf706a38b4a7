"""Show when tweets are posted, and how that goes with likes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle
from numpy.typing import NDArray
from scipy.stats import chi2_contingency

from viral_trainer.eda.canvas import INK, LESS, LINE, MORE, QUIET, add_tip, open_canvas
from viral_trainer.eda.panel import Panel, format_count, format_percent
from viral_trainer.eda.shares import FEW, Share, draw_columns, find_extremes
from viral_trainer.eda.sources import ReportTweets

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# A difference of so much is as strong a colour as there is; text must stay readable on it.
FULL, STRONGEST = 0.2, 0.6


@dataclass(frozen=True)
class Week:
    """Hold the numbers of tweets by hour and weekday, UTC."""

    tweets: NDArray[np.int64]  # (24, 7)
    viral: NDArray[np.int64]  # (24, 7)

    @property
    def days(self) -> list[int]:
        """List the weekdays on which anything was posted; Monday is 0."""
        return [day for day in range(7) if self.tweets[:, day].any()]

    @property
    def covers_a_week(self) -> bool:
        """Say whether more than two weekdays have enough tweets."""
        return int((self.tweets.sum(axis=0) >= FEW).sum()) > 2

    def get_cell(self, hour: int, day: int) -> Share:
        """Return one hour of one weekday."""
        label = f"{DAYS[day]} {hour:02d}:00"
        return Share(label, int(self.tweets[hour, day]), int(self.viral[hour, day]))

    @property
    def cells(self) -> list[Share]:
        """List the hours of all days on which anything was posted, day by day."""
        return [self.get_cell(hour, day) for day in self.days for hour in range(24)]

    @property
    def hours(self) -> list[Share]:
        """Sum each hour of the day over all days."""
        both = zip(self.tweets.sum(axis=1), self.viral.sum(axis=1), strict=True)
        return [Share(f"{hour:02d}:00", int(tweets), int(viral)) for hour, (tweets, viral) in enumerate(both)]

    def compute_p_value(self) -> float | None:
        """Compute the chance (chi-squared) that hours with enough tweets differ as much if all were alike."""
        enough = self.tweets >= FEW
        viral, others = self.viral[enough], (self.tweets - self.viral)[enough]
        if enough.sum() < 2 or not viral.any() or not others.any():
            return None
        return float(chi2_contingency(np.stack([viral, others]))[1])


def compute_week(posted_at: NDArray[np.datetime64], viral: NDArray[np.bool_]) -> Week:
    """Count tweets by their times in UTC, (n,)."""
    hours = posted_at.astype("datetime64[h]").astype(np.int64)
    # 1970 began on a Thursday.
    cells = hours % 24 * 7 + (hours // 24 + 3) % 7
    tweets, weights = np.bincount(cells, minlength=168), np.bincount(cells, weights=viral, minlength=168)
    return Week(tweets.reshape(24, 7).astype(np.int64), weights.reshape(24, 7).astype(np.int64))


def render_week(described: ReportTweets, overall: float) -> Panel:
    """Render the viral share by hour and weekday; by hour alone if only a day or two are covered."""
    week = compute_week(described.columns.posted_at, described.viral)
    title, note = "Hour by hour (UTC)", ""
    if week.covers_a_week:
        title, plot = f"The week, {title.lower().replace('utc', 'UTC')}", _draw_week(week, overall)
        few = sum(cell.tweets < FEW for cell in week.cells)
        note = (
            f"Percent viral. Green is above all tweets’ share, orange below. {few} of {len(week.cells)} hours hold "
            f"fewer than {FEW} tweets: too few to colour."
        )
    else:
        plot = draw_columns("week", week.hours, overall, "hour", every=3)
    cells = [cell for cell in week.cells if cell.tweets]
    return Panel.from_shares("week", title, _describe_week(week), plot, "hour", cells, note)


def _describe_week(week: Week) -> str:
    ends, chance = find_extremes(week.cells), week.compute_p_value()
    if ends is None:
        return f"No two hours of the week hold {FEW} tweets: too few to compare."
    if chance is None:
        return "With one class only, no hour is better than another."
    low, high = ends
    likely = "hardly" if chance < 0.001 else "seldom" if chance < 0.05 else "easily"
    return (
        f"The best hour is {high.label} ({format_percent(high.rate)} of {format_count(high.tweets, 'tweet')}), "
        f"the worst {low.label} ({format_percent(low.rate)} of {low.tweets:,}). "
        f"Chance alone would {likely} make hours that differ as much "
        f"(p {'< 0.001' if chance < 0.001 else f'= {chance:.3f}'})."
    )


def _draw_week(week: Week, overall: float) -> Markup:
    """Draw hours downwards, weekdays across, coloured by the difference from all tweets' share."""
    with open_canvas(486) as picture:
        axes = picture.add_axes()
        for column, day in enumerate(week.days):
            for hour in range(24):
                _draw_cell(axes, column, hour, week.get_cell(hour, day), overall)
        axes.set_xlim(-0.5, max(len(week.days), 4) - 0.5)
        axes.set_ylim(23.5, -0.5)
        axes.set_xticks(range(len(week.days)), [DAYS[day][:3] for day in week.days])
        axes.xaxis.tick_top()
        axes.set_yticks(range(0, 24, 3), [f"{hour:02d}:00" for hour in range(0, 24, 3)])
        axes.spines[:].set_visible(False)
        return picture.to_svg("week")


def _draw_cell(axes: Axes, column: int, hour: int, cell: Share, overall: float) -> None:
    if not cell.tweets:
        return
    few, difference = cell.tweets < FEW, cell.rate - overall
    box = Rectangle(
        (column - 0.47, hour - 0.45),
        0.94,
        0.9,
        facecolor="none" if few else MORE if difference > 0 else LESS,
        edgecolor=LINE if few else "none",
        linewidth=0.6,
        alpha=None if few else max(0.04, min(1.0, abs(difference) / FULL) * STRONGEST),
    )
    axes.add_patch(box)
    add_tip(box, str(cell))
    percent, colour = f"{100 * cell.rate:.0f}", QUIET if few else INK
    axes.text(column, hour, percent, ha="center", va="center", fontsize=9, color=colour)
