"""Collect by Twint 2.1.20. X closed what it read; against a server that speaks as X did, it still collects."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Self

import aiohttp
import structlog
import twint
from twint import feed, get
from twint.storage.write_meta import tweetData
from viral_common.archive.bad_rows import BadRow
from viral_common.archive.reader import TWINT
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError, summarise_error
from viral_common.tweets.tweet import RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import MOST_PAGES, REPLY_S, Window, find_mature_day, take_in_order
from viral_scraper.sources.retries import Sleep, SourceAway, TryAgain, call_with_retries

log = structlog.get_logger()

ATTEMPTS = 3
MOST_BYTES = 2 * 1024 * 1024  # of a reply; its HTML takes a hundred times as much memory
# Twint of this release leaves the language out; the search asks for it.
LANGUAGE = "en"
CLOSED = (
    "Twint cannot collect from X any more ({reason}): X closed the pages that it reads in April 2023; set VIRAL_SOURCE "
    "to x (the official API, billed), bluesky or mastodon (free), or archive (files that Twint wrote)"
)


class TwintSource:
    """Collect the newest day whose likes had VIRAL_MIN_AGE to come."""

    name = "twint"

    def __init__(self, query: str, min_age: timedelta, sleep: Sleep = time.sleep) -> None:
        self.query = query
        self.bad_rows: Counter[str] = Counter()
        self._min_age = min_age
        self._sleep = sleep

    @classmethod
    def from_settings(
        cls, settings: ScraperSettings, _report: ReportProgress, _sessions: Sessions, /
    ) -> Self:
        if not settings.query.strip():
            raise UsageError("VIRAL_QUERY is empty; say what Twint shall search for")
        return cls(settings.query.strip(), settings.min_age)

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        """Search; the newest come first: of more than `limit` those."""
        try:
            rows = call_with_retries(
                self.name, lambda: _search(self.query, since, until, limit), self._sleep, ATTEMPTS
            )
        except SourceAway as error:
            raise UsageError(CLOSED.format(reason=error.__cause__)) from error
        read_at = datetime.now(UTC)
        found = (tweet for row in rows if (tweet := self._parse(row, read_at)))
        yield from take_in_order(found, since, until, limit)

    def find_next_window(self, after: datetime | None, _size: int, /) -> Window | None:
        return find_mature_day(after, self._min_age)

    def _parse(self, row: Mapping[str, Any], read_at: datetime) -> RawTweet | None:
        try:
            tweet = TWINT.read_tweet(TWINT.convert({**row, "language": LANGUAGE}))
            return replace(tweet, counts_observed_at=read_at)
        except BadRow as error:
            self.bad_rows[str(error)] += 1
            return None


def _search(query: str, since: datetime, until: datetime, limit: int | None) -> list[dict[str, Any]]:
    """Search by Twint. Raises TryAgain where Twint itself would take a failure for the end."""
    config = twint.Config()
    config.Search = query
    config.Since, config.Until = _format_local(since), _format_local(until)
    config.Lang = LANGUAGE
    config.Limit = limit
    config.Hide_output = True
    config.Store_object = True
    config.Store_object_tweets_list = []
    config.Retries_count = 1
    config.Pandas_au = False
    try:
        with _record_failures() as failures, _bound_replies():
            twint.run.Search(config)
    except (aiohttp.ClientError, OSError) as error:
        raise TryAgain(f"no connection: {summarise_error(error)}") from error
    if failures:
        raise TryAgain(failures[0])
    return [tweetData(tweet) for tweet in config.Store_object_tweets_list]


@contextmanager
def _record_failures() -> Iterator[list[str]]:
    """Record pages that Twint cannot read, which it takes for the end; each passes through `feed.Json`."""
    failures: list[str] = []
    positions: set[int] = set()
    read = feed.Json

    def read_and_record(response: str) -> Any:
        try:
            found, position = read(response)
            if found and (hash(position) in positions or len(positions) >= MOST_PAGES):
                log.warning("interval cut short", source="twint", reason="its pages do not come to an end")
                return [], position
            positions.add(hash(position))
            return found, position
        except Exception as error:
            failures.append(f"no search results in the answer: {type(error).__name__}")
            raise

    feed.Json = read_and_record
    try:
        yield failures
    finally:
        feed.Json = read


@contextmanager
def _bound_replies() -> Iterator[None]:
    """Bound what Twint reads at once, and for how long; no redirect is followed."""
    read = get.Response
    get.Response = _read_reply
    try:
        yield
    finally:
        get.Response = read


async def _read_reply(session: aiohttp.ClientSession, url: str, params: Any = ()) -> str:
    timeout = aiohttp.ClientTimeout(total=REPLY_S)
    body = bytearray()
    async with session.get(url, params=params, allow_redirects=False, timeout=timeout) as response:
        async for block in response.content.iter_chunked(1 << 16):
            body += block
            if len(body) > MOST_BYTES:
                raise aiohttp.ClientPayloadError(f"a reply longer than {MOST_BYTES >> 20} MiB")
    return body.decode(errors="replace")


def _format_local(at: datetime) -> str:
    """Format in the machine's time zone, which Twint assumes."""
    return f"{at.astimezone():%Y-%m-%d %H:%M:%S}"
