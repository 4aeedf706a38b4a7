"""Define what a source of tweets must do, may do besides, and which there are. docs/sources.md shows how to add one."""

from __future__ import annotations

import pkgutil
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import NamedTuple, Protocol, Self, cast, runtime_checkable

import structlog
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError
from viral_common.tweets.tweet import Engagement, RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.stores.copy_row import PreparedTweets

log = structlog.get_logger()

DAY = timedelta(days=1)
# What a server may take of whoever asks it; the rest of it is in limits.py, for the sources that use requests.
REPLY_S = 90.0  # of a reply, however it trickles
MOST_PAGES = 10_000  # of one interval; one that fills a batch of 50,000 takes a quarter of them
MOST_TEXT = 64_000_000  # characters in one interval; 100,000 posts of Mastodon's 500 are 50 million

# By name, not by import: a host needs the libraries of the source that it collects from, and of no other.
SOURCES: dict[str, str] = {
    "archive": "viral_scraper.sources.archive.source:ArchiveSource",
    "bluesky": "viral_scraper.sources.bluesky.source:BlueskySource",
    "mastodon": "viral_scraper.sources.mastodon:MastodonSource",
    "simulated": "viral_scraper.sources.simulated:SimulatedSource",
    "twint": "viral_scraper.sources.twint:TwintSource",
    "x": "viral_scraper.sources.x.source:XSource",
}


class Window(NamedTuple):
    """Hold consecutive whole UTC days, half-open: what one batch is collected from."""

    since: datetime
    until: datetime

    @classmethod
    def from_day(cls, moment: datetime) -> Self:
        """Build the UTC day that a moment lies in."""
        midnight = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        return cls(midnight, midnight + DAY)


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

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        """Find what matches the query in [since, until), in (posted_at, external_id) order; of more than `limit` some.

        Nothing is fetched before the first is asked for. Raises SourceAway where waiting helps, UsageError where
        a person must do something.
        """

    def find_next_window(self, after: datetime | None, size: int, /) -> Window | None:
        """Find the next days, from `after` on, that hold `size` tweets worth keeping; None if there are none (yet).

        The last window takes what remains. Raises UsageError if the source cannot deliver anything at all.
        """


class SourceClass(Protocol):
    """Describe what SOURCES names."""

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


def build_source(settings: ScraperSettings, report: ReportProgress, sessions: Sessions) -> Source:
    """Build the source that VIRAL_SOURCE names; `report` shows its long work."""
    return load_source_class(settings.source).from_settings(settings, report, sessions)


def load_source_class(name: str) -> SourceClass:
    """Load a source's class. Raises UsageError if there is none of that name, or its library is not installed."""
    if name not in SOURCES:
        raise UsageError(f"VIRAL_SOURCE={name} is no source; choose one of: {', '.join(SOURCES)}")
    try:
        return cast(SourceClass, pkgutil.resolve_name(SOURCES[name]))
    except ModuleNotFoundError as error:
        raise UsageError(
            f"the source {name} needs the package {error.name}: pip install 'viral-tweets[{name}]'"
        ) from error


def find_mature_day(after: datetime | None, age: timedelta, now: datetime | None = None) -> Window | None:
    """Find the newest UTC day that is over for `age`, unless it lies before `after`. Days missed are left out."""
    newest = Window.from_day((now or datetime.now(UTC)) - age - DAY)
    return None if after and newest.since < after else newest


def take_in_order(
    tweets: Iterable[RawTweet], since: datetime, until: datetime, limit: int | None
) -> list[RawTweet]:
    """Take the first `limit` tweets of [since, until), and sort them by (posted_at, external_id)."""
    inside = (tweet for tweet in tweets if since <= tweet.posted_at < until)
    return sorted(islice(_limit_text(inside), limit), key=lambda tweet: (tweet.posted_at, tweet.external_id))


def _limit_text(tweets: Iterable[RawTweet]) -> Iterator[RawTweet]:
    """Take tweets while their texts fit into memory."""
    room = MOST_TEXT
    for tweet in tweets:
        room -= len(tweet.text) + len(tweet.username)
        if room < 0:
            log.warning("interval cut short", reason=f"more than {MOST_TEXT:,} characters of text")
            return
        yield tweet


def end_paging(source: str, reason: str, bad_rows: Counter[str]) -> None:
    """Record that an interval ends early, for a server that would have it go on for ever."""
    bad_rows[f"intervals cut short: {reason}"] += 1
    log.warning("interval cut short", source=source, reason=reason)
