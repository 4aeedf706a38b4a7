"""Collect from Bluesky: every public post, like, repost and reply as it happens, through Jetstream; no key, no cost."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice
from typing import Self

import structlog
from pydantic import Field
from viral_common.database.engine import POSTGRES_AWAY, Sessions
from viral_common.errors import ViralError
from viral_common.settings import load_settings
from viral_common.tweets.tweet import RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings, SourceSettings
from viral_scraper.sources.base import Window
from viral_scraper.sources.bluesky.appview import AppView
from viral_scraper.sources.bluesky.events import NAME, EventSorter
from viral_scraper.sources.bluesky.stream import Pace, Stream
from viral_scraper.sources.retries import Sleep, draw_backoff_s
from viral_scraper.stores.advisory_lock import hold_lock
from viral_scraper.stores.forgotten import ForgottenNames
from viral_scraper.stores.streams import StreamStore, to_moment

log = structlog.get_logger()


class BlueskySettings(SourceSettings, env_prefix="VIRAL_BLUESKY_"):
    """The source `bluesky`."""

    jetstream_url: str = Field(
        default="wss://jetstream2.us-east.bsky.network/subscribe",
        description="A Jetstream server; public ones are jetstream1 and 2, us-east and us-west",
    )
    share: float = Field(
        default=0.1, gt=0, le=1, description="Share of all posts to follow, drawn by their address"
    )
    appview_url: str = Field(
        default="https://public.api.bsky.app",
        description="The AppView that authors' public counts are read from; empty: they stay unknown",
    )


class BlueskySource:
    """Receive all day; a day's posts can be searched once the last has had VIRAL_MIN_AGE for its likes."""

    name = NAME

    def __init__(
        self,
        sessions: Sessions,
        url: str,
        share: float,
        min_age: timedelta,
        query: str = "",
        pace: Pace = Pace(),
        names: ForgottenNames = ForgottenNames(),
        appview_url: str = "",
        sleep: Sleep = time.sleep,
    ) -> None:
        self.query = query
        self._sessions = sessions
        self._store = StreamStore(sessions, NAME, names)
        self._min_age = min_age
        self._bad: Counter[str] = Counter()
        self._appview = AppView(appview_url, self._bad, sleep) if appview_url else None
        self.stream = Stream(url, self._store, lambda: EventSorter(share, min_age, self._bad), min_age, pace)

    @classmethod
    def from_settings(cls, settings: ScraperSettings, _report: ReportProgress, sessions: Sessions, /) -> Self:
        own = load_settings(BlueskySettings)
        names = ForgottenNames(settings.forget_key)
        asked = own.jetstream_url, own.share, settings.min_age, settings.query.strip()
        return cls(sessions, *asked, names=names, appview_url=own.appview_url)

    @property
    def bad_rows(self) -> Mapping[str, int]:
        """Events and posts received by this process that could not be used."""
        unsure = {"posts whose likes were missed in a gap": self.stream.unsure}
        return {**self._bad, **{reason: count for reason, count in unsure.items() if count}}

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        """Find posts received whose text holds every word of the query; those that filters leave out have no text."""
        words = self.query.casefold().split()
        posts = self._store.read_posts(since, until, self._min_age, None if words else limit)
        matching = (post for post in posts if all(word in post.text.casefold() for word in words))
        found = list(islice(matching, limit))
        if self._appview:
            self._appview.fill_profiles(found)
        yield from found

    def find_next_window(self, after: datetime | None, _size: int, /) -> Window | None:
        """Find the first stored day that is over and counted; days without a post are passed over."""
        first = self._store.find_first_after(after)
        received_us = self._store.read_cursor_us()
        if first is None or received_us is None:
            return None
        day = Window.from_day(first)
        is_over = day.until + self._min_age <= to_moment(received_us)
        return day if is_over and self._store.is_settled_until(day.until) else None

    def listen(self, stopping: threading.Event, /) -> None:
        """Receive and store; of several scrapers one does, the others wait to take over."""
        while not stopping.is_set():
            try:
                with hold_lock(self._sessions, f"listen:{NAME}", stopping, self._report_waiting) as mine:
                    if mine:
                        self.stream.run(stopping)
                continue
            except POSTGRES_AWAY:
                self.stream.problem = (
                    "Postgres does not answer; Bluesky's stream is resumed where it was stored"
                )
            except ViralError as error:
                self.stream.problem = str(error)
            except Exception as error:  # the thread's edge: it must outlive everything
                log.exception("listening interrupted")
                self.stream.problem = (
                    f"listening to Bluesky failed and is tried again: {type(error).__name__}"
                )
            stopping.wait(draw_backoff_s(1))

    def list_problems(self) -> list[str]:
        """List what keeps it from receiving."""
        return [self.stream.problem] if self.stream.problem else []

    def _report_waiting(self) -> None:
        self.stream.problem = "another scraper listens to Bluesky; this one waits to take over"
