"""Invent tweets, for a demo without data; marked as such by source, ids and usernames."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Self

from viral_common.database.engine import Sessions
from viral_common.tweets.tweet import RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.simulation.day import BLOCK, ORIGINALS, draw_day
from viral_scraper.simulation.world import World
from viral_scraper.sources.base import DAY, Window

# Some originals repeat the text of another.
SPARE = 1.1


class SimulatedSource:
    """Invent a batch a day, from a first day to a last; without a first day, the last is always yesterday."""

    name = "simulated"

    def __init__(
        self, seed: int, first_day: date | None, days: int, batch_size: int, query: str = ""
    ) -> None:
        self.query = query or f"seed {seed}"
        self._world = World(seed)
        self._first_day = first_day
        self._days = days
        self._blocks = math.ceil(batch_size / ORIGINALS * SPARE / BLOCK)
        self._drawn: tuple[date, list[RawTweet]] | None = None

    @property
    def bad_rows(self) -> Mapping[str, int]:
        """None: what is invented can be read."""
        return {}

    @classmethod
    def from_settings(
        cls, settings: ScraperSettings, _report: ReportProgress, _sessions: Sessions, /
    ) -> Self:
        return cls(
            settings.simulation_seed,
            settings.simulation_start,
            settings.simulation_days,
            settings.batch_size,
            settings.query,
        )

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        """Draw everything of that time; there is one conversation, whatever the query."""
        first = since.astimezone(UTC).date()
        last = (until.astimezone(UTC) - timedelta(microseconds=1)).date()
        days = (first + number * DAY for number in range((last - first).days + 1))
        drawn = (tweet for day in days for tweet in self._draw_day(day))
        return itertools.islice((tweet for tweet in drawn if since <= tweet.posted_at < until), limit)

    def find_next_window(self, after: datetime | None, _size: int, /) -> Window | None:
        """Find the next day, if it is over; days missed longer ago than the simulation lasts are left out."""
        today = datetime.now(UTC).date()
        first = self._first_day or today - self._days * DAY
        day = max(first, after.astimezone(UTC).date()) if after else first
        if day >= first + self._days * DAY:
            return None
        return Window.from_day(datetime.combine(day, time(), UTC))

    def _draw_day(self, day: date) -> list[RawTweet]:
        if self._drawn is None or self._drawn[0] != day:
            self._drawn = day, draw_day(self._world, day, self._blocks)
        return self._drawn[1]
