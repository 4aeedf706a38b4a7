"""Make the posts of the day that the contract tests collect, whichever network they were posted on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from viral_scraper.sources.base import find_mature_day

MIN_AGE = timedelta(hours=24)
SECRET = "sesquipedalian"
"""Stands in every text, so that it can be looked for where no text may be."""


@dataclass(frozen=True)
class ExpectedPost:
    """Hold one post."""

    number: int
    at: datetime
    text: str
    likes: int
    photos: int = 0
    is_reply: bool = False


def make_posts(count: int = 30) -> list[ExpectedPost]:
    """Spread posts evenly over the newest day that is old enough; every tenth is a reply."""
    window = find_mature_day(None, MIN_AGE)
    assert window is not None
    return [
        ExpectedPost(
            number,
            window.since + (number + 0.5) * timedelta(days=1) / count,
            f"A {SECRET} thought & more, number {number} https://example.com/{number}",
            likes=number % 4,
            photos=number % 2,
            is_reply=number % 10 == 9,
        )
        for number in range(count)
    ]
