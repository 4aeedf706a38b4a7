"""What if the tweet were a little different: another hour, no link, a photo."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from viral_common.tweets.features import TweetInput
from viral_common.tweets.text import around_links

HOURS = 24


@dataclass(frozen=True)
class Change:
    """One thing done differently, and the tweet it makes."""

    name: str
    tweet: TweetInput


@dataclass(frozen=True)
class Hour:
    """A time to post and the probability then."""

    at: datetime
    probability: float


@dataclass(frozen=True)
class Outcome:
    """What became of the probability. `best` is the first of the best hours."""

    hours: list[Hour]
    best: Hour
    changes: list[tuple[str, float]]


@dataclass(frozen=True)
class WhatIf:
    """The variants of one tweet, to be scored in one batch."""

    hours: Sequence[TweetInput]
    changes: Sequence[Change]

    @classmethod
    def of(cls, tweet: TweetInput) -> Self:
        """Posted in each of the next hours, the first being the tweet's own, and what else applies to it."""
        hours = [replace(tweet, created_at=_later(tweet.created_at, hours)) for hours in range(HOURS)]
        return cls(hours, _changes_of(tweet))

    def batch(self) -> list[TweetInput]:
        """The tweet at each hour, then with each change."""
        return [*self.hours, *(change.tweet for change in self.changes)]

    def outcome(self, probabilities: Sequence[float]) -> Outcome:
        """From the probabilities of `batch()`."""
        hours = [
            Hour(tweet.created_at, probability)
            for tweet, probability in zip(self.hours, probabilities, strict=False)
        ]
        changed = zip(self.changes, probabilities[len(hours) :], strict=True)
        return Outcome(
            hours,
            max(hours, key=lambda hour: hour.probability),
            [(change.name, probability) for change, probability in changed],
        )


def _changes_of(tweet: TweetInput) -> list[Change]:
    changes = []
    around = around_links(tweet.text)
    if len(around) > 1:
        links = "the link" if len(around) == 2 else "its links"
        changes.append(Change(f"Without {links}", replace(tweet, text=" ".join(around))))
    if tweet.photos_count:
        photos = "the photo" if tweet.photos_count == 1 else "its photos"
        changes.append(Change(f"Without {photos}", replace(tweet, photos_count=0)))
    else:
        changes.append(Change("With a photo", replace(tweet, photos_count=1)))
    if tweet.has_video:
        changes.append(Change("Without the video", replace(tweet, has_video=False)))
    return changes


def _later(at: datetime, hours: int) -> datetime:
    try:
        return at + timedelta(hours=hours)
    except OverflowError:  # the end of the calendar: it may be typed
        return at
