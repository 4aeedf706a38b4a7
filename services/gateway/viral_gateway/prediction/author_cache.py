"""What was looked up of an author, remembered for a minute: one query, however many ask at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from cachetools import TTLCache
from viral_common.tweets.features import AuthorHistory
from viral_common.tweets.label_rule import LabelRule

from viral_gateway import telemetry

# Postgres is asked again after this long, so neither a history nor "nobody" is older.
REMEMBERED_S = 60.0
# Two tweets of one author within the last minute are told the same history: that of the minute's start. Older times
# are looked up as they are, for the past does not change and predictions of it must not either.
MINUTE = timedelta(minutes=1)
AUTHORS = 10_000

Asked = tuple[str, datetime]
LookUp = Callable[[str, Sequence[Asked], LabelRule], list[AuthorHistory]]


class Key(NamedTuple):
    """What a history depends on."""

    source: str
    rule: LabelRule
    username: str
    at: datetime


class AuthorCache:
    """Safe to share between threads. Whoever asks for what is being looked up waits for that answer."""

    def __init__(
        self,
        look_up: LookUp,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look_up, self._now = look_up, now
        self._lock = threading.Lock()
        self._known: TTLCache[Key, Future[AuthorHistory]] = TTLCache(AUTHORS, REMEMBERED_S, timer)

    def histories(self, source: str, asked: Sequence[Asked], rule: LabelRule) -> list[AuthorHistory]:
        """Of each (username, time), in that order. Raises ServerAway."""
        keys = [Key(source, rule, *self._as_of(*one)) for one in asked]
        with self._lock:
            known = {key: answer for key in keys if (answer := self._known.get(key)) is not None}
            new: dict[Key, Future[AuthorHistory]] = {key: Future() for key in keys if key not in known}
            self._known.update(new)
        telemetry.AUTHORS.labels("cache").inc(len(known))
        telemetry.AUTHORS.labels("postgres").inc(len(new))
        if new:
            self._find(source, new, rule)
        answers = known | new
        return [answers[key].result() for key in keys]

    def _find(self, source: str, new: Mapping[Key, Future[AuthorHistory]], rule: LabelRule) -> None:
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

    def _as_of(self, username: str, at: datetime) -> Asked:
        name = username.lstrip("@").lower()
        recent = timedelta() <= self._now() - at < MINUTE
        return name, at.replace(second=0, microsecond=0) if recent else at
