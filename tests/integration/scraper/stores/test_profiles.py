"""Test that authors' profiles come with the tweets that are kept, and go with them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, StoredProfile, Tweet
from viral_common.stores.audit import read_newest_acts
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import RawTweet
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.copy_row import prepare
from viral_scraper.stores.forgotten import Forgetter
from viral_scraper.stores.partitions import drop_old_months
from viral_scraper.stores.refreshes import RefreshStore
from viral_scraper.stores.streams import ReceivedPosts, StreamStore

from tests.integration.scraper.collecting import FORGOTTEN, read_tweets

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
A_YEAR = 365 * DAY


def make_tweet(
    number: int,
    followers: int | None,
    at: datetime = NOON,
    read_at: datetime | None = None,
    author: str = "ada",
) -> RawTweet:
    profile = None if followers is None else AuthorProfile(followers=followers, read_at=read_at)
    counts = (0, 0, 0, 0, False, False, False, False)
    name = f"name of {author}"
    return RawTweet(str(number), at, author, name, f"tweet {number}", "en", *counts, profile=profile)


def store(db: Sessions, *pieces: list[RawTweet], share: int = 9, source: str = "archive") -> UUID:
    """Store each piece in a transaction of its own, all in one batch."""
    window = (NOON - A_YEAR, NOON + A_YEAR)
    batches = BatchStore(db, source, uuid4().hex, FORGOTTEN)
    batch = batches.plan(uuid4(), window, 99, [window] * len(pieces))
    for position, piece in enumerate(pieces):
        batches.store({position: prepare(piece)}, batch.id, share)
    return batch.id


def read_profiles(db: Sessions) -> list[tuple[str, datetime, int | None]]:
    columns = StoredProfile.author_id, StoredProfile.read_at, StoredProfile.followers
    with db() as session:
        return [(*row,) for row in session.execute(select(*columns).order_by(*columns[:2]))]


def test_a_profile_is_stored_as_it_was_read(db: Sessions) -> None:
    profile = AuthorProfile(10**10, 2, 3, None, 0, True, datetime(2010, 5, 6, tzinfo=UTC), NOON + DAY)

    store(db, [replace(make_tweet(1, 0), profile=profile), make_tweet(2, None, author="bob")])

    with db() as session:
        (stored,) = session.scalars(select(StoredProfile))
    assert (stored.source, stored.author_id, stored.day) == ("archive", "ada", date(2026, 3, 2))
    assert AuthorProfile(**{name: getattr(stored, name) for name in AuthorProfile.__slots__}) == profile


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_the_earliest_reading_of_a_day_stays_in_whatever_order_they_come(
    db: Sessions, order: tuple[int, ...]
) -> None:
    tweets = [
        make_tweet(1, 10, read_at=NOON),
        make_tweet(2, 20, read_at=NOON + 11 * HOUR),
        make_tweet(3, 30, read_at=NOON + 12 * HOUR),
    ]

    store(db, *([tweets[place]] for place in order))

    assert read_profiles(db) == [("ada", NOON, 10), ("ada", NOON + 12 * HOUR, 30)]


def test_of_one_transaction_too(db: Sessions) -> None:
    store(db, [make_tweet(2, 20, read_at=NOON + HOUR), make_tweet(1, 10, read_at=NOON)])

    assert read_profiles(db) == [("ada", NOON, 10)]


def test_a_reading_without_a_time_is_filed_under_its_tweets(db: Sessions) -> None:
    counted = replace(make_tweet(2, 20, author="bob"), counts_observed_at=NOON + DAY)

    store(db, [make_tweet(1, 10), counted])

    assert read_profiles(db) == [("ada", NOON, 10), ("bob", NOON + DAY, 20)]


def test_a_tweet_that_comes_again_brings_its_authors_new_profile(db: Sessions) -> None:
    store(db, [make_tweet(1, 10, read_at=NOON)])
    store(db, [make_tweet(1, 11, read_at=NOON + DAY)])

    assert read_profiles(db) == [("ada", NOON, 10), ("ada", NOON + DAY, 11)]


def test_what_is_left_out_leaves_no_profile(db: Sessions) -> None:
    copy = replace(make_tweet(2, 20, NOON + HOUR, author="copies"), text="tweet 1")
    reply = replace(make_tweet(3, 30, author="replies"), is_reply=True)

    store(db, [make_tweet(1, 10), copy, reply])
    store(db, [make_tweet(number, 5, author=f"author {number}") for number in range(10, 20)], share=2)

    assert len(read_tweets(db)) == 3
    assert {author for author, *_ in read_profiles(db)} == {tweet.author_id for tweet in read_tweets(db)}


@pytest.mark.parametrize(
    "forget",
    [
        lambda forgetter: forgetter.forget_author("NAME of ada"),
        lambda forgetter: forgetter.forget_author_id("ada"),
    ],
    ids=["by name", "by id"],
)
def test_a_forgotten_authors_profiles_go_and_are_not_stored_again(
    db: Sessions, forget: Callable[[Forgetter], dict[str, int]]
) -> None:
    tweets = [make_tweet(1, 10), make_tweet(2, 20, NOON + DAY), make_tweet(3, 5, author="bob")]
    store(db, tweets)

    deleted = forget(Forgetter(db, FORGOTTEN))
    store(db, tweets)

    assert deleted == {"archive": 2}
    assert read_profiles(db) == [("bob", NOON, 5)]
    with db() as session:
        (act,) = read_newest_acts(session, 9)
    assert act.after == {"tweets": {"archive": 2}}


def test_an_author_of_whom_only_a_profile_is_left_is_forgotten_by_id(db: Sessions) -> None:
    with db.begin() as session:
        session.add(
            Batch(id=uuid4(), source="archive", query="q", window_from=NOON, window_to=NOON, target=1)
        )
        session.add(StoredProfile(source="archive", author_id="ada", day=NOON.date(), read_at=NOON))

    Forgetter(db, FORGOTTEN).forget_author_id("ada")

    assert read_profiles(db) == []


def forget_tweet(db: Sessions, external_id: str) -> None:
    Forgetter(db, FORGOTTEN).forget_tweet(external_id)


def remove_refreshed(db: Sessions, external_id: str) -> None:
    RefreshStore(db, "archive").remove([external_id])


def delete_on_stream(db: Sessions, external_id: str) -> None:
    StreamStore(db, "archive", FORGOTTEN).store(ReceivedPosts(cursor_us=1, deleted_posts=[external_id]))


@pytest.mark.parametrize("delete", [forget_tweet, remove_refreshed, delete_on_stream])
def test_a_profile_goes_with_its_authors_last_tweet(
    db: Sessions, delete: Callable[[Sessions, str], None]
) -> None:
    store(db, [make_tweet(1, 10), make_tweet(2, None), make_tweet(3, 5, author="bob")])

    delete(db, "1")
    with_one_left = read_profiles(db)
    delete(db, "2")

    assert with_one_left == [("ada", NOON, 10), ("bob", NOON, 5)]
    assert read_profiles(db) == [("bob", NOON, 5)]


def test_a_profile_stays_while_a_post_of_its_author_waits_for_a_batch(db: Sessions) -> None:
    store(db, [make_tweet(1, 10)])
    stream = StreamStore(db, "archive", FORGOTTEN)
    stream.store(ReceivedPosts(cursor_us=1, posts=[make_tweet(2, None)]))

    stream.store(ReceivedPosts(cursor_us=2, deleted_posts=["1"]))

    assert read_profiles(db) == [("ada", NOON, 10)]


def test_a_deleted_accounts_profile_goes(db: Sessions) -> None:
    store(db, [make_tweet(1, 10), make_tweet(2, 5, author="bob")])

    StreamStore(db, "archive", FORGOTTEN).store(ReceivedPosts(cursor_us=1, deleted_authors=["ada"]))

    assert read_profiles(db) == [("bob", NOON, 5)]
    assert [tweet.author_id for tweet in read_tweets(db)] == ["bob"]


def collect_two_months(db: Sessions) -> None:
    """Store tweets of March and May; one of March has its profile read in April, of which there are no tweets."""
    tweets = [
        make_tweet(1, 10),
        make_tweet(2, 20, NOON + 20 * DAY, read_at=NOON + 40 * DAY, author="bob"),
        make_tweet(3, 30, NOON + 70 * DAY),
    ]
    store(db, tweets)
    with db.begin() as session:
        session.execute(update(Batch).values(collected_at=NOON))
        session.execute(update(Tweet).values(counts_observed_at=None))


def test_profiles_go_with_the_months_they_were_read_in(db: Sessions) -> None:
    collect_two_months(db)

    dropped = drop_old_months(db, A_YEAR, NOON + A_YEAR + 65 * DAY)

    assert date(2026, 3, 1) in dropped
    assert read_profiles(db) == [("ada", NOON + 70 * DAY, 30)]


def test_profiles_of_a_month_that_stays_stay(db: Sessions) -> None:
    collect_two_months(db)
    with db.begin() as session:
        session.execute(update(Batch).values(collected_at=NOON + A_YEAR))

    dropped = drop_old_months(db, A_YEAR, NOON + A_YEAR)

    assert date(2026, 3, 1) not in dropped
    assert len(read_profiles(db)) == 3
