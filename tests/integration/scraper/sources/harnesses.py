"""Run each source against the same day's posts, on a fake of the network that it reads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError
from viral_common.database.engine import Sessions
from viral_scraper.progress import log_progress
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.sources.base import Source, Window
from viral_scraper.sources.bluesky.source import BlueskySource
from viral_scraper.sources.bluesky.stream import Pace
from viral_scraper.sources.mastodon import MastodonSource
from viral_scraper.sources.simulated import SimulatedSource
from viral_scraper.sources.twint import TwintSource
from viral_scraper.sources.x.api import XApi
from viral_scraper.sources.x.costs import Budget, Prices
from viral_scraper.sources.x.source import XSource
from viral_scraper.stores.spending import SpendingStore
from viral_scraper.stores.streams import StreamStore

from tests import jetstream_server
from tests.factories import make_twint_row, write_lines
from tests.integration.scraper.sources import bluesky_network, http_server
from tests.integration.scraper.sources.expected_posts import MIN_AGE, ExpectedPost
from tests.integration.scraper.sources.http_server import HttpServer
from tests.integration.scraper.sources.mastodon_server import FakeMastodon
from tests.integration.scraper.sources.twint_server import FakeTwitter
from tests.integration.scraper.sources.x_server import FakeX
from tests.jetstream_server import Jetstream

QUICK = Pace(store_every_s=0.05, settle_every_s=0, silence_s=5, reconnect_after_s=lambda _: 0.01)

Database = Callable[[], Sessions]
"""A database of its own, for the sources that need one."""


@dataclass
class SourceHarness:
    """Hold a source with the day that it knows, and the server that it asks, if it asks one."""

    source: Source
    day: Window
    posts: Sequence[ExpectedPost]
    """What it can be expected to find; nothing for invented tweets."""
    served: HttpServer | None = None
    slept: list[float] = field(default_factory=list)


def find_day(posts: Sequence[ExpectedPost]) -> Window:
    """Find the UTC day of all posts."""
    return Window.from_day(posts[0].at)


@contextmanager
def run_archive(
    _db: Database, folder: Path, posts: Sequence[ExpectedPost], _patch: pytest.MonkeyPatch
) -> Iterator[SourceHarness]:
    """Run it over a file that Twint wrote; replies are left out of it when it is read."""
    posts = [post for post in posts if not post.is_reply]
    rows = [
        make_twint_row(
            post.at,
            post.number,
            tweet=post.text,
            urls=[f"https://example.com/{post.number}"],
            likes_count=post.likes,
            photos=["p"] * post.photos,
        )
        for post in posts
    ]
    file = write_lines(folder / "tweets.jsonl", [*rows, b"broken\n"])
    yield SourceHarness(
        ArchiveSource(str(file), "tea", folder / "shards", log_progress()), find_day(posts), posts
    )


@contextmanager
def run_bluesky(
    db: Database, _folder: Path, posts: Sequence[ExpectedPost], _patch: pytest.MonkeyPatch
) -> Iterator[SourceHarness]:
    """Run it against Jetstream, received to its end."""
    events = [*bluesky_network.make_events(posts)]
    events.insert(5, {**events[5], "commit": {"broken": True}})
    with jetstream_server.serving(Jetstream(events)) as jetstream:
        sessions = db()
        source = BlueskySource(sessions, jetstream.url, 1.0, MIN_AGE, pace=QUICK)
        receive_until(source, events[-1]["time_us"], sessions)
        yield SourceHarness(source, find_day(posts), posts)


@contextmanager
def run_mastodon(
    _db: Database, _folder: Path, posts: Sequence[ExpectedPost], _patch: pytest.MonkeyPatch
) -> Iterator[SourceHarness]:
    """Run it against a server's public timeline."""
    network = FakeMastodon(posts)
    slept: list[float] = []
    with http_server.serve(network.answer) as served:
        source = MastodonSource(served.url, "", "#tea", MIN_AGE, slept.append)
        yield SourceHarness(source, find_day(posts), posts, served, slept)


@contextmanager
def run_simulated(
    _db: Database, _folder: Path, posts: Sequence[ExpectedPost], _patch: pytest.MonkeyPatch
) -> Iterator[SourceHarness]:
    """Run it on the same day."""
    day = find_day(posts)
    yield SourceHarness(SimulatedSource(1, day.since.date(), 1, 100), day, [])


@contextmanager
def run_twint(
    _db: Database, _folder: Path, posts: Sequence[ExpectedPost], patch: pytest.MonkeyPatch
) -> Iterator[SourceHarness]:
    """Run the real library against a server that answers as twitter.com did."""
    slept: list[float] = []
    with http_server.serve(FakeTwitter(posts).answer) as served:
        patch.setattr("twint.url.base", f"{served.url}/i")
        yield SourceHarness(TwintSource("tea", MIN_AGE, slept.append), find_day(posts), posts, served, slept)


@contextmanager
def run_x(
    db: Database, _folder: Path, posts: Sequence[ExpectedPost], _patch: pytest.MonkeyPatch
) -> Iterator[SourceHarness]:
    """Run it against the API at its recorded prices, with money enough."""
    slept: list[float] = []
    with http_server.serve(FakeX(posts).answer) as served:
        yield SourceHarness(
            make_x_source(db(), served.url, slept, cap_usd="100"), find_day(posts), posts, served, slept
        )


def make_x_source(
    db: Sessions, url: str, slept: list[float], cap_usd: str, token: str = "secret-token"
) -> XSource:
    """Make a source that reads from `url`, for so much money a month."""
    prices = Prices(post=Decimal("0.005"), user=Decimal("0.010"), media=Decimal("0.005"))
    budget = Budget(SpendingStore(db, "x"), prices, Decimal(cap_usd))
    return XSource("tea", MIN_AGE, XApi(url, token, usernames=True, sleep=slept.append), budget)


def receive_until(source: BlueskySource, until_us: int, db: Sessions) -> None:
    """Listen until the stream is stored so far, and settled."""
    stopping = threading.Event()
    thread = threading.Thread(target=source.listen, args=(stopping,), daemon=True)
    thread.start()
    store = StreamStore(db, "bluesky")
    end = time.monotonic() + 60

    def read_cursor_us() -> int:
        with suppress(OperationalError):  # a test may break all connections
            return store.read_cursor_us() or 0
        return 0

    while read_cursor_us() < until_us:
        assert time.monotonic() < end, f"not received in time: {source.list_problems()}"
        time.sleep(0.02)
    stopping.set()
    thread.join(10)
    assert not thread.is_alive()
    store.settle(MIN_AGE, timedelta(minutes=1))


HARNESSES: dict[
    str,
    Callable[
        [Database, Path, Sequence[ExpectedPost], pytest.MonkeyPatch], AbstractContextManager[SourceHarness]
    ],
] = {
    "archive": run_archive,
    "bluesky": run_bluesky,
    "mastodon": run_mastodon,
    "simulated": run_simulated,
    "twint": run_twint,
    "x": run_x,
}
