"""Look up what is known of authors and remember it for a minute: one query, however many ask at once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import NamedTuple

from cachetools import TTLCache
from viral_common.errors import ServerAway
from viral_common.tweets.features import KnownAuthor, TweetInput
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import PARTS, AuthorProfile

from viral_gateway import telemetry
from viral_gateway.serving.champion import Serving
from viral_gateway.stores.bounded_reads import BoundedReads

# Postgres is asked again after this long, so neither an author nor "nobody" is older.
REMEMBERED_S = 60.0
# Two tweets of one author within the last minute get the same author: as of the minute's start. Older times
# are looked up as they are, for the past does not change and predictions of it must not either.
MINUTE = timedelta(minutes=1)
AUTHORS = 10_000

Asked = tuple[str, datetime]
LookUp = Callable[[str, Sequence[Asked], LabelRule], list[KnownAuthor]]


class Key(NamedTuple):
    """Name what an answer depends on."""

    source: str
    rule: LabelRule
    username: str
    at: datetime


class AuthorCache:
    """Share authors between the calls of one event loop. Who asks for what is being looked up waits for that answer."""

    def __init__(
        self,
        look_up: LookUp,
        reads: BoundedReads,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up, self._reads, self._now = look_up, reads, now
        # The query that brings it, and its place among the answers.
        self._known: TTLCache[Key, tuple[asyncio.Task[list[KnownAuthor]], int]] = TTLCache(
            AUTHORS, REMEMBERED_S, timer
        )

    async def add_authors(
        self, serving: Serving, tweets: Sequence[TweetInput], min_age: timedelta
    ) -> Sequence[TweetInput]:
        """Add to each tweet with a username what was known of its author by then; nothing while Postgres is away."""
        named = [place for place, tweet in enumerate(tweets) if tweet.username]
        if not named:
            return tweets
        spec, known = serving.scorer.spec, list(tweets)
        asked = [(tweets[place].username or "", tweets[place].created_at) for place in named]
        rule = LabelRule(spec.likes_threshold, min_age)
        try:
            authors = await self.find_authors(spec.training.source, asked, rule)
        except ServerAway:
            return tweets
        for place, (history, stored) in zip(named, authors, strict=True):
            profile = _complete_profile(tweets[place].profile, stored)
            known[place] = replace(tweets[place], author=history, profile=profile)
        return known

    async def find_authors(self, source: str, asked: Sequence[Asked], rule: LabelRule) -> list[KnownAuthor]:
        """Find that of each (username, time), in that order. Raises ServerAway."""
        keys = [Key(source, rule, *self._build_question(*one)) for one in asked]
        known = {key: answer for key in keys if (answer := self._known.get(key)) is not None}
        new = {key: (key.username, key.at) for key in keys if key not in known}
        if new:
            look_up = partial(self._look_up, source, list(new.values()), rule)
            query = asyncio.ensure_future(self._reads.read(look_up))
            query.add_done_callback(partial(self._forget_failure, list(new)))
            self._known.update(found := {key: (query, place) for place, key in enumerate(new)})
            known |= found
        try:
            # A caller that goes away takes nobody's answer along.
            authors = [(await asyncio.shield(query))[place] for query, place in map(known.__getitem__, keys)]
        except ServerAway:
            telemetry.AUTHORS.labels("nobody").inc(len(known))
            raise
        telemetry.AUTHORS.labels("cache").inc(len(known) - len(new))
        telemetry.AUTHORS.labels("postgres").inc(len(new))
        return authors

    def _forget_failure(self, keys: Sequence[Key], query: asyncio.Task[list[KnownAuthor]]) -> None:
        if query.cancelled() or query.exception():
            for key in keys:
                self._known.pop(key, None)

    def _build_question(self, username: str, at: datetime) -> Asked:
        name = username.lstrip("@").lower()
        recent = timedelta() <= self._now() - at < MINUTE
        return name, at.replace(second=0, microsecond=0) if recent else at


def _complete_profile(said: AuthorProfile | None, stored: AuthorProfile | None) -> AuthorProfile | None:
    """Take what the caller says, and what is stored for the rest."""
    if said is None or stored is None:
        return said or stored
    filled = {name: getattr(stored, name) for name in PARTS if getattr(said, name) is None}
    used = any(value is not None for value in filled.values())
    return replace(said, **filled, read_at=stored.read_at if used else None)
