"""Define what a source of tweets must do, and what it may do besides. docs/sources.md shows how to add one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import NamedTuple, Protocol, runtime_checkable

from viral_common.database.engine import Sessions
from viral_common.tweets.tweet import Engagement, RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.stores.batch_staging import PreparedTweets

DAY = timedelta(days=1)


class Window(NamedTuple):
    """Hold consecutive whole UTC days, half-open: what one batch is collected from."""

    since: datetime
    until: datetime


class Source(Protocol):
    """Describe one origin of tweets; a tweet's identity is (name, external_id)."""

    @property
    def name(self) -> str:
        """Stored with every tweet and batch, so that their origin shows everywhere."""

    @property
    def query(self) -> str:
        """What is searched for; batches of one (name, query) follow each other in time."""

    @property
    def bad_rows(self) -> Mapping[str, int]:
        """What was delivered so far but could not be read, and what could not be had, by reason."""

    def search(
        self, query: str, since: datetime, until: datetime, limit: int | None = None, /
    ) -> Iterator[RawTweet]:
        """Find tweets posted in [since, until), in (posted_at, external_id) order; of more than `limit` some.

        Nothing is fetched before the first is asked for. Raises SourceAway where waiting helps, UsageError where
        a person must do something.
        """

    def find_next_window(self, after: datetime | None, size: int, /) -> Window | None:
        """Find the next days, from `after` on, that hold `size` tweets worth keeping; None if there are none (yet).

        The last window takes what remains. Raises UsageError if the source cannot deliver anything at all.
        """


class SourceClass(Protocol):
    """Describe what the registry names."""

    def from_settings(
        self, settings: ScraperSettings, report: ReportProgress, sessions: Sessions, /
    ) -> Source:
        """Build the source from the settings; it reads its own section of them."""


@runtime_checkable
class PreparingSource(Protocol):
    """Describe a source that has filtered and counted everything before it is asked."""

    def read_prepared(self, since: datetime, until: datetime, most: int, /) -> PreparedTweets:
        """Read what `search` would give and the filters would make of it; of more than `most` texts some."""

    @property
    def bad_places(self) -> Mapping[str, Sequence[str]]:
        """Where the first unreadable ones are, by reason: `file:line`."""


@runtime_checkable
class RefreshableSource(Protocol):
    """Describe a source that can read counts again, for tweets collected before their likes had time."""

    def refresh(self, ids: Sequence[str], /) -> Iterator[Engagement]:
        """Read today's counts, in any order; an id that does not come is deleted or no longer public."""


@runtime_checkable
class StreamingSource(Protocol):
    """Describe a source that receives tweets as they are posted; `search` gives those whose likes had time."""

    def listen(self, stopping: threading.Event, /) -> None:
        """Receive and store until `stopping`; whatever breaks is waited out."""

    def list_problems(self) -> list[str]:
        """List what keeps it from receiving; nothing if it receives."""


def find_mature_day(after: datetime | None, age: timedelta, now: datetime | None = None) -> Window | None:
    """Find the newest UTC day that is over for `age`, unless it lies before `after`. Days missed are left out."""
    end = ((now or datetime.now(UTC)) - age).astimezone(UTC)
    end = end.replace(hour=0, minute=0, second=0, microsecond=0)
    return None if after and end - DAY < after else Window(end - DAY, end)
