"""Look up what is known of authors and remember it for a minute: one query, however many ask at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import structlog
from cachetools import TTLCache
from fastapi.concurrency import run_in_threadpool
from viral_common.errors import ServerAway
from viral_common.tweets.features import KnownAuthor, TweetInput
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import PARTS, AuthorProfile

from viral_gateway import telemetry
from viral_gateway.serving.champion import Serving

log = structlog.get_logger()

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
    """Share authors between threads. Whoever asks for what is being looked up waits for that answer."""

    def __init__(
        self,
        look_up: LookUp,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up, self._now = look_up, now
        self._lock = threading.Lock()
        self._known: TTLCache[Key, Future[KnownAuthor]] = TTLCache(AUTHORS, REMEMBERED_S, timer)

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
            authors = await run_in_threadpool(self.find_authors, spec.training.source, asked, rule)
        except ServerAway as error:
            log.warning("authors not looked up", reason=str(error))
            return tweets
        for place, (history, stored) in zip(named, authors, strict=True):
            profile = _complete_profile(tweets[place].profile, stored)
            known[place] = replace(tweets[place], author=history, profile=profile)
        return known

    def find_authors(self, source: str, asked: Sequence[Asked], rule: LabelRule) -> list[KnownAuthor]:
        """Find that of each (username, time), in that order. Raises ServerAway."""
        keys = [Key(source, rule, *self._build_question(*one)) for one in asked]
        with self._lock:
            known = {key: answer for key in keys if (answer := self._known.get(key)) is not None}
            new: dict[Key, Future[KnownAuthor]] = {key: Future() for key in keys if key not in known}
            self._known.update(new)
        telemetry.AUTHORS.labels("cache").inc(len(known))
        telemetry.AUTHORS.labels("postgres").inc(len(new))
        if new:
            self._find(source, new, rule)
        answers = known | new
        return [answers[key].result() for key in keys]

    def _find(self, source: str, new: Mapping[Key, Future[KnownAuthor]], rule: LabelRule) -> None:
        asked = [(key.username, key.at) for key in new]
        try:
            found = dict(zip(new, self._look_up(source, asked, rule), strict=True))
        except BaseException as error:
            with self._lock:
                for key in new:
                    self._known.pop(key, None)
            for answer in new.values():
                answer.set_exception(error)
            raise
        for key, answer in new.items():
            answer.set_result(found[key])

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
