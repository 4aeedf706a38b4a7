"""Test that whoever asks to be forgotten is: deleted here, and not collected again, whatever the way."""

from __future__ import annotations

import hashlib
import hmac
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import get_args

import pytest
from pydantic import SecretStr
from sqlalchemy import event, func, select, text
from sqlalchemy.orm import Session
from typer.testing import CliRunner, Result
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, StreamEngagement, StreamPost, Tweet
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings
from viral_common.stores.audit import read_newest_acts
from viral_common.stores.authors import find_authors
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.features import KnownAuthor
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import Split
from viral_common.tweets.tweet import RawTweet
from viral_scraper import cli
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.forgotten import Forgetter, ForgottenNames
from viral_scraper.stores.streams import ReceivedEngagement, ReceivedPosts, StreamStore, hash_stream_key

from tests.eventually import eventually
from tests.factories import FIRST_DAY, make_twint_days, make_twint_row
from tests.integration.scraper.collecting import (
    FORGET_KEY,
    FORGOTTEN,
    collect_all,
    make_collector,
    read_tweets,
)

DAY = timedelta(days=1)


def collect_days(db: Sessions, folder: Path, query: str = "test", days: int = 1) -> list[Batch]:
    """Collect thirty tweets a day by ten authors, `author0` (id 1000) to `author9`."""
    return collect_all(make_collector(db, folder, make_twint_days(days, 30), batch_size=30, query=query))


def read_usernames(db: Sessions) -> set[str]:
    return {tweet.username for tweet in read_tweets(db)}


def test_all_of_an_author_goes_and_nobody_else(db: Sessions, tmp_path: Path) -> None:
    collect_days(db, tmp_path)

    deleted = Forgetter(db, FORGOTTEN).forget_author("AUTHOR3")

    assert deleted == {"archive": 3}
    assert read_usernames(db) == {f"author{number}" for number in range(10)} - {"author3"}
    assert Forgetter(db, FORGOTTEN).forget_author("author3") == {"archive": 0}


def test_the_audit_says_that_somebody_was_forgotten_and_not_who(db: Sessions, tmp_path: Path) -> None:
    collect_days(db, tmp_path)

    Forgetter(db, FORGOTTEN, "by letter").forget_author("author3")

    with db() as session:
        (act,) = read_newest_acts(session, 9)
    assert (act.action, act.after, act.reason) == (
        "forget",
        {"tweets": {"archive": 3}},
        "by letter",
    )
    assert act.subject == f"name {FORGOTTEN.hash_identity('name author3').hex()}"


def test_a_forgotten_author_is_not_collected_again(db: Sessions, tmp_path: Path) -> None:
    Forgetter(db, FORGOTTEN).forget_author("author3")

    (batch,) = collect_days(db, tmp_path)

    assert batch.filtered == {"forgotten": 3}
    assert "author3" not in read_usernames(db)


def test_another_name_does_not_bring_an_author_back(db: Sessions, tmp_path: Path) -> None:
    rows = [make_twint_row(FIRST_DAY, 1, username="old"), make_twint_row(FIRST_DAY + DAY, 11, username="new")]
    collect_all(make_collector(db, tmp_path, rows, batch_size=2))

    deleted = Forgetter(db, FORGOTTEN).forget_author("new")
    collect_all(
        make_collector(db, tmp_path, [make_twint_row(FIRST_DAY, 21, username="newest")], 2, query="again")
    )

    assert deleted == {"archive": 2}
    assert read_tweets(db) == []


def test_an_author_without_a_known_name_is_forgotten_by_id(db: Sessions, tmp_path: Path) -> None:
    rows = [make_twint_row(FIRST_DAY, number, username=f"name{number}") for number in (1, 2, 11)]
    collect_all(make_collector(db, tmp_path, rows, batch_size=3))

    assert Forgetter(db, FORGOTTEN).forget_author_id("1001") == {"archive": 2}
    assert read_usernames(db) == {"name2"}


def test_a_tweet_alone_is_forgotten(db: Sessions, tmp_path: Path) -> None:
    collect_days(db, tmp_path)
    gone = read_tweets(db)[5].external_id

    deleted = Forgetter(db, FORGOTTEN).forget_tweet(gone)
    (again,) = collect_days(db, tmp_path, query="again")

    assert deleted == {"archive": 1}
    assert again.filtered == {"forgotten": 1, "collected before": 29}
    assert gone not in [tweet.external_id for tweet in read_tweets(db)]


def test_of_one_source_only_if_that_is_asked(db: Sessions, tmp_path: Path) -> None:
    collect_days(db, tmp_path)

    assert Forgetter(db, FORGOTTEN).forget_author("author3", "x") == {"x": 0}
    assert "author3" in read_usernames(db)


def test_later_trainings_and_the_gateway_know_nothing_of_them(db: Sessions, tmp_path: Path) -> None:
    batches = collect_days(db, tmp_path, days=3)
    ids = [batch.id for batch in batches]

    Forgetter(db, FORGOTTEN).forget_author("author3")

    usernames_read = [
        tweet.input.username
        for tweets in TweetStore(db).read_labelled_by_split(ids, get_args(Split), LabelRule(0, DAY)).values()
        for tweet in tweets
    ]
    with db() as session:
        (known,) = find_authors(session, "archive", [("author3", FIRST_DAY + 9 * DAY)], LabelRule(0, DAY))
    assert (len(usernames_read), "author3" in usernames_read) == (81, False)
    assert known == KnownAuthor()


def test_no_name_is_kept_of_who_was_forgotten(db: Sessions, tmp_path: Path) -> None:
    collect_days(db, tmp_path)

    Forgetter(db, FORGOTTEN).forget_author("author3")

    with db() as session:
        (kept,) = session.scalars(text("SELECT string_agg(f::text, ' ') FROM forgotten f"))
    assert "author3" not in kept
    assert "1003" not in kept.split()


def test_without_the_key_a_name_that_is_guessed_cannot_be_checked(db: Sessions) -> None:
    Forgetter(db, FORGOTTEN).forget_author("author3")

    with db() as session:
        kept = {bytes(digest) for digest in session.scalars(text("SELECT digest FROM forgotten"))}
    assert hashlib.sha256(b"name author3").digest() not in kept
    assert hmac.digest(FORGET_KEY.encode(), b"name author3", "sha256") in kept


@pytest.mark.parametrize(
    ("key", "says"), [(None, "is not set, the one that names"), ("x" * 32, "is not the one that names")]
)
def test_nothing_is_collected_without_the_key_to_tell_whom_to_leave_out(
    db: Sessions, tmp_path: Path, key: str | None, says: str
) -> None:
    names = ForgottenNames(SecretStr(key) if key else None)
    collector = make_collector(db, tmp_path, make_twint_days(1, 30), batch_size=30)
    collector = replace(collector, batches=BatchStore(db, "archive", "test", names))
    Forgetter(db, FORGOTTEN).forget_author("author3")

    with pytest.raises(UsageError, match=f"VIRAL_FORGET_KEY {says}"):
        collect_all(collector)
    with pytest.raises(UsageError, match=f"VIRAL_FORGET_KEY {says}"):
        StreamStore(db, "bluesky", names).store(ReceivedPosts(cursor_us=1, posts=[make_post("1", "ada")]))

    assert read_tweets(db) == []


def test_without_a_key_tweets_are_collected_while_nobody_is_forgotten(db: Sessions, tmp_path: Path) -> None:
    collector = make_collector(db, tmp_path, make_twint_days(1, 30), batch_size=30)
    collector = replace(collector, batches=BatchStore(db, "archive", "test"))

    collect_all(collector)

    assert len(read_tweets(db)) == 30


def test_what_is_deleted_is_cleared_from_the_tables_and_their_indexes(db: Sessions, tmp_path: Path) -> None:
    collect_days(db, tmp_path)

    Forgetter(db, FORGOTTEN).forget_author("author3")

    with db() as session:
        cleared = session.scalars(
            text(
                "SELECT bool_and(last_vacuum IS NOT NULL) FROM pg_stat_user_tables "
                "WHERE relname ~ '^(tweets_|author_profiles|stream_posts|stream_engagements)'"
            )
        ).one()
    assert cleared


def test_without_a_name_nobody_is_forgotten(db: Sessions, tmp_path: Path) -> None:
    collect_all(make_collector(db, tmp_path, make_twint_days(1, 3, username=""), batch_size=3))

    with pytest.raises(ValueError, match="needs a name"):
        Forgetter(db, FORGOTTEN).forget_author("")

    assert len(read_tweets(db)) == 3


def make_post(rkey: str, author: str) -> RawTweet:
    """Make a post as a stream brings it."""
    at = datetime(2026, 3, 1, 12, tzinfo=UTC)
    counts = (0, 0, 0, 0, False, False, False, False)
    return RawTweet(f"at://{author}/{rkey}", at, author, author, "hello there", "en", *counts)


def test_posts_that_wait_for_a_batch_go_with_their_likes(db: Sessions) -> None:
    stream = StreamStore(db, "bluesky", FORGOTTEN)
    theirs, other = make_post("1", "did:plc:ada"), make_post("2", "did:plc:bob")
    likes = [
        ReceivedEngagement(number, hash_stream_key("bluesky", one.external_id), "like", 1_772_366_400_000_000)
        for number, one in enumerate((theirs, other))
    ]
    stream.store(ReceivedPosts(cursor_us=1, posts=[theirs, other], engagements=likes))

    deleted = Forgetter(db, FORGOTTEN).forget_author("did:plc:ADA")

    assert deleted == {"bluesky": 1}
    with db() as session:
        assert session.scalars(select(StreamPost.username)).all() == ["did:plc:bob"]
        assert session.scalar(select(func.count()).select_from(StreamEngagement)) == 1


def test_what_a_forgotten_author_says_on_a_stream_is_not_kept(db: Sessions) -> None:
    stream = StreamStore(db, "bluesky", FORGOTTEN)
    Forgetter(db, FORGOTTEN).forget_author("did:plc:ada")
    Forgetter(db, FORGOTTEN).forget_tweet("at://did:plc:bob/3")
    reply = replace(make_post("4", "did:plc:ada"), is_reply=True)

    posts = [make_post("1", "did:plc:ada"), make_post("2", "did:plc:bob"), make_post("3", "did:plc:bob")]
    stream.store(ReceivedPosts(cursor_us=1, posts=posts, left_out=[reply]))

    with db() as session:
        assert session.scalars(select(StreamPost.external_id)).all() == ["at://did:plc:bob/2"]


def receive_posts(db: Sessions, _folder: Path) -> None:
    StreamStore(db, "bluesky", FORGOTTEN).store(
        ReceivedPosts(cursor_us=1, posts=[make_post("1", "author3"), make_post("2", "author4")])
    )


def is_waiting_for_lock(db: Sessions) -> bool:
    waiting = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'advisory'"
    with db() as session:
        return bool(session.scalar(text(f"SELECT EXISTS ({waiting})")))


@pytest.mark.parametrize(
    ("store", "table", "deleted"),
    [(collect_days, Tweet, {"archive": 3}), (receive_posts, StreamPost, {"bluesky": 1})],
    ids=["a batch", "a stream"],
)
def test_what_is_being_stored_while_someone_is_forgotten_goes_too(
    db: Sessions,
    tmp_path: Path,
    store: Callable[[Sessions, Path], object],
    table: type[Tweet | StreamPost],
    deleted: dict[str, int],
) -> None:
    stored_now, may_commit = threading.Event(), threading.Event()

    def hold(session: Session) -> None:
        if session.scalars(select(table.username).where(table.username == "author3")).first():
            stored_now.set()
            may_commit.wait(60)

    event.listen(db, "before_commit", hold)
    with ThreadPoolExecutor(2) as threads:
        storing = threads.submit(store, db, tmp_path)
        assert stored_now.wait(60)
        forgetting = threads.submit(Forgetter(db, FORGOTTEN).forget_author, "author3")
        eventually(lambda: forgetting.done() or is_waiting_for_lock(db))
        may_commit.set()

    storing.result()
    assert forgetting.result() == deleted
    with db() as session:
        assert "author3" not in session.scalars(select(table.username)).all()


Forget = Callable[..., Result]


@pytest.fixture
def forget(settings: CommonSettings, monkeypatch: pytest.MonkeyPatch) -> Forget:
    """`viral-scraper forget` with these arguments."""
    monkeypatch.setattr("viral_common.logging.configure_logging", lambda *_: None)
    environment = {
        "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
        "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
        "VIRAL_FORGET_KEY": FORGET_KEY,
    }
    return lambda *arguments, **changes: CliRunner().invoke(
        cli.app, ["forget", *arguments], env=environment | changes
    )


def test_the_command_says_what_it_deleted(db: Sessions, tmp_path: Path, forget: Forget) -> None:
    collect_days(db, tmp_path)

    first, again = forget("--author", "@Author3"), forget("--author", "@Author3", "--source", "archive")

    assert first.output.splitlines() == [
        "3 tweets of archive deleted",
        "author Author3 is forgotten: nothing of it is stored again from any source",
    ]
    assert again.output.splitlines()[0] == "nothing of it was stored"
    assert (first.exit_code, again.exit_code) == (0, 0)


def test_the_command_refuses_without_a_key_and_says_how_to_make_one(db: Sessions, forget: Forget) -> None:
    without, short = (forget("--author", "ada", VIRAL_FORGET_KEY=key) for key in ("", "short"))

    assert (without.exit_code, short.exit_code) == (2, 2)
    assert "VIRAL_FORGET_KEY is not set: make one with `openssl rand -hex 32`" in without.output
    assert "VIRAL_FORGET_KEY: at least 32 characters" in short.output
    assert "short" not in short.output


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "name one: --author NAME, --author-id ID or --tweet ID"),
        (("--author", "a", "--tweet", "1"), "name one"),
        (("--author", "@"), "--author is empty"),
        (("--tweet", "1", "--source", "myspace"), "there is no source myspace; sources are archive,"),
        (("--tweet", "1", "--source", "[ab]"), "there is no source [ab];"),
    ],
)
def test_the_command_explains_what_it_cannot_do(
    db: Sessions, forget: Forget, arguments: tuple[str, ...], says: str
) -> None:
    result = forget(*arguments)

    assert result.exit_code == 2
    assert says in result.output
