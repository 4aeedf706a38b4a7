"""Test `viral-scraper once`, as cron and Kubernetes run it: what it says, and its exit status."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import text
from typer.testing import CliRunner, Result
from viral_common.database.engine import Sessions
from viral_common.settings import CommonSettings
from viral_scraper import cli
from viral_scraper.collecting import one_batch
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.sources.base import SOURCES
from viral_scraper.sources.retries import SourceAway
from viral_scraper.stores.advisory_lock import hold_lock

from tests.factories import make_twint_days, write_lines
from tests.integration.scraper.collecting import collect_all, make_collector, read_events, read_tweets
from tests.integration.scraper.sources.expected_posts import make_posts
from tests.integration.scraper.sources.http_server import Answer, HttpServer, serve
from tests.integration.scraper.sources.x_server import FakeX

POSTS = 30
ORIGINALS = 27  # every tenth is a reply

Once = Callable[..., Result]


@pytest.fixture
def x() -> Iterator[HttpServer]:
    with serve(FakeX(make_posts(POSTS)).answer) as served:
        yield served


@pytest.fixture
def run_once(settings: CommonSettings, x: HttpServer, monkeypatch: pytest.MonkeyPatch) -> Once:
    """Collects from X, unless the settings given (without their `VIRAL_`) say otherwise."""
    monkeypatch.setattr("viral_common.logging.configure_logging", lambda *_: None)

    def run(**environment: str) -> Result:
        environ = {
            "DATABASE_URL": settings.database_url.get_secret_value(),
            "RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
            "DATA_DIR": str(settings.data_dir),
            "SOURCE": "x",
            "QUERY": "tea",
            "X_BEARER_TOKEN": "secret-token",
            "X_SPENDING_CAP_USD": "100",
            "X_API_URL": x.url,
            **environment,
        }
        return CliRunner().invoke(cli.app, ["once"], env={f"VIRAL_{name}": environ[name] for name in environ})

    return run


def test_what_is_beyond_the_retention_goes_with_each_run(
    db: Sessions, tmp_path: Path, run_once: Once
) -> None:
    collect_all(make_collector(db, tmp_path, make_twint_days(1, 3), batch_size=3))
    with db.begin() as session:
        session.execute(text("UPDATE batches SET collected_at = '2022-04-01'"))

    result = run_once(RETENTION_DAYS="31")

    assert result.exit_code == 0
    assert {tweet.source for tweet in read_tweets(db)} == {"x"}


def test_a_batch_then_nothing_more_and_both_are_well(db: Sessions, run_once: Once) -> None:
    first, second = run_once(), run_once()

    assert (first.exit_code, second.exit_code) == (0, 0)
    assert f"{ORIGINALS} tweets of x (tea)" in first.output
    assert second.output.strip() == "nothing more to collect from x (tea)"
    assert [message.published_at is not None for message in read_events(db)] == [True]


def test_a_query_is_shown_as_it_was_given(tmp_path: Path, run_once: Once) -> None:
    file = write_lines(tmp_path / "tweets.jsonl", make_twint_days(1, 3))
    environ = {"SOURCE": "archive", "ARCHIVE_PATHS": str(file), "QUERY": "[ab] [/x] :key:"}

    first, second = run_once(**environ), run_once(**environ)

    assert "3 tweets of archive ([ab] [/x] :key:), " in first.output
    assert "nothing more to collect from archive ([ab] [/x] :key:)" in second.output


def test_likes_that_are_due_are_read_again(db: Sessions, run_once: Once) -> None:
    run_once()
    with db.begin() as session:
        session.execute(
            text("UPDATE tweets SET counts_observed_at = posted_at + interval '1 hour', like_count = 0")
        )

    result = run_once()

    assert result.exit_code == 0
    assert f"likes of {ORIGINALS} tweets read again" in result.output
    assert sum(tweet.like_count for tweet in read_tweets(db)) > 0


def test_likes_that_cannot_be_read_again_stop_no_batch_and_are_reported_last(
    db: Sessions, run_once: Once, x: HttpServer
) -> None:
    run_once()
    with db.begin() as session:
        session.execute(text("UPDATE tweets SET counts_observed_at = posted_at + interval '1 hour'"))
    x.faults.append(Answer(401, {"detail": "Unauthorized"}))

    result = run_once(QUERY="coffee")

    assert result.exit_code == 2
    assert "(batch " in result.output
    assert result.output.strip().splitlines()[-1].startswith("error: X refuses")


class Broken(ArchiveSource):
    """Raise what the test says."""

    error: Exception

    def find_next_window(self, after: datetime | None, size: int, /) -> None:
        raise self.error


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SourceAway("the server does not deliver"), "error: the server does not deliver"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/scratch/rows"), "error: no room on the disk "),
    ],
)
def test_what_failed_is_one_line_and_a_status(
    run_once: Once, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    monkeypatch.setitem(SOURCES, "broken", f"{__name__}:Broken")
    monkeypatch.setattr(Broken, "error", error, raising=False)

    result = run_once(SOURCE="broken")

    assert result.exit_code == 1
    assert result.output.startswith(says)
    assert result.output.count("\n") == 1


def test_with_postgres_away_it_says_so(run_once: Once) -> None:
    result = run_once(DATABASE_URL="postgresql://u:p@127.0.0.1:1/none")

    assert result.exit_code == 1
    assert result.output.startswith("error: Postgres does not answer")
    assert result.output.count("\n") == 1


def test_with_rabbitmq_away_the_event_is_kept_for_the_next_run(db: Sessions, run_once: Once) -> None:
    failed = run_once(RABBITMQ_URL="amqp://u:p@127.0.0.1:1/none")
    kept = [message.published_at for message in read_events(db)]

    again = run_once()

    assert failed.exit_code == 1
    assert "the event is kept and goes out with the next run" in failed.output
    assert kept == [None]
    assert again.exit_code == 0
    assert all(message.published_at for message in read_events(db))


def test_while_another_scraper_collects_it_waits_but_not_for_ever(
    db: Sessions, run_once: Once, x: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(one_batch, "TIMEOUT_S", 0.0)
    monkeypatch.setattr("viral_scraper.stores.advisory_lock.ASK_AGAIN_S", 0.05)

    with hold_lock(db, "collect:x:tea", threading.Event(), lambda: None):
        result = run_once()

    assert result.exit_code == 1
    assert "another scraper collects from x (tea); waiting" in result.output
    assert "error: another scraper collects from x (tea) and has not ended" in result.output
    assert x.requests == []
