"""Test kills, also of two at once, at a server that bills each post: hardly anything is asked twice."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator

import pytest
from viral_common.database.engine import Sessions
from viral_common.settings import CommonSettings

from tests.integration.scraper.collecting import read_events, read_tweets
from tests.integration.scraper.sources.expected_posts import make_posts
from tests.integration.scraper.sources.http_server import Answer, HttpServer, Request, serve
from tests.integration.scraper.sources.x_server import FakeX

POSTS = 240
ORIGINALS = 216  # every tenth is a reply
# While these requests are answered the scraper dies: at its first interval, between two, and towards the end.
DEADLY = (1, 7, 18)


class DeadlyX:
    """Answer as X does, and kill the scraper at some requests."""

    def __init__(self) -> None:
        self.network = FakeX(make_posts(POSTS))
        self.process: subprocess.Popen[bytes] | None = None
        self.count = 0

    def answer(self, request: Request) -> Answer:
        """Answer as X does."""
        self.count += 1
        if self.count in DEADLY and self.process:
            self.process.kill()
        return self.network.answer(request)


@pytest.fixture
def x() -> Iterator[tuple[DeadlyX, HttpServer]]:
    killing = DeadlyX()
    with serve(killing.answer) as served:
        yield killing, served


def start(settings: CommonSettings, served: HttpServer) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "VIRAL_DATA_DIR": str(settings.data_dir),
        "VIRAL_SOURCE": "x",
        "VIRAL_QUERY": "tea",
        "VIRAL_BATCH_SIZE": "1000",
        "VIRAL_X_BEARER_TOKEN": "secret-token",
        "VIRAL_X_SPENDING_CAP_USD": "100",
        "VIRAL_X_API_URL": served.url,
    }
    command = [sys.executable, "-c", "from viral_scraper.cli import app; app(['once'])"]
    return subprocess.Popen(
        command, env=environment, cwd=settings.data_dir, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def test_at_most_the_interval_under_way_is_asked_for_again(
    db: Sessions, settings: CommonSettings, x: tuple[DeadlyX, HttpServer]
) -> None:
    killing, served = x

    for _ in DEADLY:
        killing.process = start(settings, served)
        assert killing.process.wait(60) == -9
    two = [start(settings, served) for _ in range(2)]
    assert [process.wait(60) for process in two] == [0, 0]

    asked = Counter((request.get("start_time"), request.get("next_token")) for request in served.requests)
    assert len(asked) >= 24
    assert sum(asked.values()) - len(asked) == len(DEADLY)
    assert len(read_tweets(db)) == ORIGINALS
    assert len({tweet.external_id for tweet in read_tweets(db)}) == ORIGINALS
    assert len(read_events(db)) == 1
