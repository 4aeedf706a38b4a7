"""Try a tweet a little changed: another hour, no link, a photo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Self

from viral_common.artefact.files import ArtefactSpec
from viral_common.tweets.features import TweetInput
from viral_common.tweets.text import split_around_links

from viral_gateway.prediction.noise import Scored, is_clear

HOURS = 24


@dataclass(frozen=True)
class Hour:
    """Hold a time to post and the probability then."""

    at: datetime
    probability: float


@dataclass(frozen=True)
class Outcome:
    """Hold the probabilities of the variants. `best` is the first of the best hours; None where all are alike."""

    hours: list[Hour]
    best: Hour | None
    changes: list[tuple[str, float, bool]]
    """Name, probability, and whether that differs by more than noise."""


@dataclass(frozen=True)
class WhatIf:
    """Hold the variants of one tweet, to be scored in one batch."""

    hours: Sequence[TweetInput]
    changes: Mapping[str, TweetInput]
    """By the name of the change."""

    @classmethod
    def from_tweet(cls, tweet: TweetInput) -> Self:
        """Build it at each of the next hours, the first being its own, and with each change that it allows."""
        hours = [replace(tweet, created_at=_add_hours(tweet.created_at, hours)) for hours in range(HOURS)]
        return cls(hours, _list_changes(tweet))

    def build_batch(self) -> list[TweetInput]:
        """Build the tweet at each hour, then with each change."""
        return [*self.hours, *self.changes.values()]

    def compute_outcome(self, scores: Iterator[Scored], spec: ArtefactSpec) -> Outcome:
        """Take as many `scores` as `build_batch()` has tweets."""
        at_hours = [next(scores) for _ in self.hours]
        now, best = at_hours[0], max(at_hours)
        scored = {name: next(scores) for name in self.changes}
        if best is not now:
            scored["Posted at the best hour"] = best
        changes = [(name, one.probability, is_clear(one, now, spec)) for name, one in scored.items()]
        hours = [
            Hour(tweet.created_at, one.probability) for tweet, one in zip(self.hours, at_hours, strict=True)
        ]
        differ = is_clear(best, min(at_hours), spec)
        return Outcome(hours, hours[at_hours.index(best)] if differ else None, changes)


def _list_changes(tweet: TweetInput) -> dict[str, TweetInput]:
    changes = {}
    around = split_around_links(tweet.text)
    if len(around) > 1:
        links = "the link" if len(around) == 2 else "its links"
        changes[f"Without {links}"] = replace(tweet, text=" ".join(around))
    if tweet.photos_count:
        photos = "the photo" if tweet.photos_count == 1 else "its photos"
        changes[f"Without {photos}"] = replace(tweet, photos_count=0)
    else:
        changes["With a photo"] = replace(tweet, photos_count=1)
    if tweet.has_video:
        changes["Without the video"] = replace(tweet, has_video=False)
    return changes


def _add_hours(at: datetime, hours: int) -> datetime:
    try:
        return at + timedelta(hours=hours)
    except OverflowError:  # the end of the calendar: it may be typed
        return at
