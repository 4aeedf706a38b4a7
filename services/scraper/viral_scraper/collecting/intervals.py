"""Cut a window's days into random pieces: collecting those until the batch is full samples every hour and day alike."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, timedelta
from uuid import NAMESPACE_URL, UUID, uuid5

from viral_scraper.sources.base import DAY, Window

# About so many pieces per window: enough to spread a sample, few enough to store each in its own transaction.
PIECES_PER_WINDOW = 96
FEWEST_PER_DAY, MOST_PER_DAY = 2, 24


def derive_batch_id(source: str, query: str, window: Window) -> UUID:
    """Derive a batch's id: the same whoever plans it, and however often."""
    return uuid5(NAMESPACE_URL, f"viral:batch:{source}:{query}:{window.since.astimezone(UTC).isoformat()}")


def draw_random_intervals(batch_id: UUID, window: Window) -> list[Window]:
    """Cut each day at random seconds and shuffle all pieces; drawn from the batch id alone."""
    # Not for secrets: the id seeds the draw so that a batch can be collected again just as it was.
    draw = random.Random(batch_id.int)  # noqa: S311
    days = (window.until - window.since) // DAY
    pieces = min(max(PIECES_PER_WINDOW // days, FEWEST_PER_DAY), MOST_PER_DAY)
    intervals: list[Window] = []
    for day in range(days):
        midnight = window.since + day * DAY
        seconds = [0, *sorted(draw.sample(range(1, 86_400), pieces - 1)), 86_400]
        cuts = [midnight + timedelta(seconds=second) for second in seconds]
        intervals += [Window(since, until) for since, until in itertools.pairwise(cuts)]
    draw.shuffle(intervals)
    return intervals
