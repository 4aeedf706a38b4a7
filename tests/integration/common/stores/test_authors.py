"""What is known of an author is what could have been known before the tweet, in training as at the gateway."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from math import log
from uuid import UUID, uuid4

import pytest
from sqlalchemy import insert
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, StoredProfile, Tweet
from viral_common.stores.authors import find_authors
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.features import AuthorHistory, KnownAuthor
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import AuthorProfile

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
RULE = LabelRule(0, DAY)


@pytest.fixture
def batch(db: Sessions) -> UUID:
    batch_id = uuid4()
    with db.begin() as session:
        session.add(
            Batch(id=batch_id, source="archive", query="q", window_from=NOON, window_to=NOON + DAY, target=9)
        )
    return batch_id


def post(
    db: Sessions,
    batch_id: UUID,
    at: datetime,
    likes: int,
    author: str = "ada",
    split: str = "train",
    observed_at: datetime | None = None,
) -> None:
    counts = [
        "retweet_count",
        "reply_count",
        "photos_count",
        "hashtags_count",
        "mentions_count",
        "urls_count",
    ]
    with db.begin() as session:
        session.execute(
            insert(Tweet),
            {
                **dict.fromkeys(counts, 0),
                "source": "archive",
                "external_id": uuid4().hex,
                "batch_id": batch_id,
                "posted_at": at,
                "author_id": f"id of {author}",
                "username": author,
                "text": "hello",
                "language": "en",
                "like_count": likes,
                "word_count": 1,
                "has_video": False,
                "is_quote": False,
                "counts_observed_at": observed_at,
                "text_hash": 1,
                "near_hash": 1,
                "split": split,
            },
        )


def trained_on(db: Sessions, batch_id: UUID, split: str = "train") -> list[AuthorHistory | None]:
    tweets = TweetStore(db).read_labelled([batch_id], split, RULE)  # type: ignore[arg-type]
    return [tweet.input.author for tweet in tweets]


def served(db: Sessions, username: str, at: datetime) -> AuthorHistory:
    with db() as session:
        return find_authors(session, "archive", [(username, at)], RULE)[0].history


def test_only_the_past_counts_and_likes_only_once_they_could_be_known(db: Sessions, batch: UUID) -> None:
    post(db, batch, NOON, likes=3)
    post(db, batch, NOON + HOUR, likes=0)
    post(db, batch, NOON + DAY, likes=8)
    post(db, batch, NOON + 3 * DAY, likes=1)

    histories = [one for one in trained_on(db, batch) if one]

    assert [(one.tweets, one.settled, one.viral) for one in histories] == [
        (0, 0, 0),
        (1, 0, 0),
        (2, 1, 1),
        (3, 3, 2),
    ]
    assert [one.log_likes for one in histories] == pytest.approx([0, 0, log(4), log(4) + log(9)])


def test_nothing_changes_when_later_tweets_arrive(db: Sessions, batch: UUID) -> None:
    for number in range(6):
        post(db, batch, NOON + number * 9 * HOUR, likes=number % 3)
    before = trained_on(db, batch)

    for number in range(20):
        post(db, batch, NOON + 60 * HOUR + number * HOUR, likes=100)

    assert trained_on(db, batch)[:6] == before


def test_the_gateway_is_told_what_training_was_told(db: Sessions, batch: UUID) -> None:
    times = [NOON + number * 7 * HOUR for number in range(12)]
    for number, at in enumerate(times):
        post(db, batch, at, likes=number % 4, split=("train", "test")[number % 2])

    trained = sorted(
        [*trained_on(db, batch), *trained_on(db, batch, "test")], key=lambda one: one.tweets if one else -1
    )

    assert trained == [served(db, "Ada", at) for at in times]
    assert trained == [served(db, "@ada", at) for at in times]


def test_a_past_of_months_counts_as_the_gateway_counts_it(db: Sessions, batch: UUID) -> None:
    chance = random.Random(5)
    before = sorted(NOON - 80 * DAY * chance.random() for _ in range(40))
    lately = sorted(NOON + 3 * DAY * chance.random() for _ in range(20))
    for at in before:
        observed_at = at + 3 * DAY * chance.random()
        post(db, uuid4(), at, chance.choice((0, 1, 9)), chance.choice("ab"), observed_at=observed_at)
    for at in lately:
        post(db, batch, at, chance.choice((0, 1, 9)), chance.choice("ab"))

    tweets = TweetStore(db).read_labelled([batch], "train", RULE)

    trained = [tweet.input.author for tweet in tweets if tweet.input.author]
    expected = [served(db, tweet.input.username or "", tweet.input.created_at) for tweet in tweets]
    assert len(tweets) == 20
    assert [(one.tweets, one.settled, one.viral) for one in trained] == [
        (one.tweets, one.settled, one.viral) for one in expected
    ]
    assert [one.log_likes for one in trained] == pytest.approx([one.log_likes for one in expected])
    assert 0 < min(one.settled for one in trained) < min(one.tweets for one in trained)


def test_several_splits_are_read_at_once(db: Sessions, batch: UUID) -> None:
    for number in range(6):
        post(db, batch, NOON + number * HOUR, number, split=("train", "test", "validation")[number % 3])

    by_split = TweetStore(db).read_labelled_by_split([batch], ("validation", "train"), RULE)

    likes = {split: [tweet.like_count for tweet in tweets] for split, tweets in by_split.items()}
    assert likes == {"validation": [2, 5], "train": [0, 3]}


def test_tweets_of_the_same_instant_are_not_each_others_past(db: Sessions, batch: UUID) -> None:
    post(db, batch, NOON, likes=1)
    post(db, batch, NOON, likes=2)

    assert trained_on(db, batch) == [AuthorHistory(), AuthorHistory()]


def test_likes_read_too_early_are_no_history(db: Sessions, batch: UUID) -> None:
    post(db, batch, NOON, likes=0, observed_at=NOON + HOUR)
    post(db, batch, NOON + 5 * DAY, likes=1, observed_at=NOON + 9 * DAY)

    assert trained_on(db, batch) == [AuthorHistory(tweets=1)]


def test_a_username_never_seen_and_one_of_another_source_have_no_history(db: Sessions, batch: UUID) -> None:
    post(db, batch, NOON, likes=5, author="ada")

    with db() as session:
        elsewhere = find_authors(session, "simulated", [("ada", NOON + 9 * DAY)], RULE)

    assert served(db, "grace", NOON + 9 * DAY) == AuthorHistory()
    assert elsewhere == [KnownAuthor()]


def read_profile_at(db: Sessions, at: datetime, followers: int, author: str = "ada") -> None:
    with db.begin() as session:
        session.add(
            StoredProfile(
                source="archive", author_id=f"id of {author}", day=at.date(), read_at=at, followers=followers
            )
        )


def test_the_gateway_finds_the_newest_profile_that_was_read_by_then(db: Sessions, batch: UUID) -> None:
    post(db, batch, NOON, likes=5)
    for at, followers in ((NOON, 10), (NOON + 2 * DAY, 20), (NOON + 5 * DAY, 50)):
        read_profile_at(db, at, followers)
    read_profile_at(db, NOON + DAY, 7, author="bob")
    times = [NOON - HOUR, NOON, NOON + 2 * DAY - HOUR, NOON + 4 * DAY, NOON + 9 * DAY]

    with db() as session:
        found = find_authors(session, "archive", [("@Ada", at) for at in times], RULE)
        elsewhere = find_authors(session, "simulated", [("ada", times[-1])], RULE)

    assert [known.profile and known.profile.followers for known in found] == [None, 10, 10, 20, 50]
    assert found[1].profile == AuthorProfile(followers=10, read_at=NOON)
    assert elsewhere == [KnownAuthor()]


def test_a_tweet_is_trained_on_with_what_was_read_no_later_than_its_likes(db: Sessions, batch: UUID) -> None:
    post(db, batch, NOON, likes=5, observed_at=NOON + 3 * DAY)
    post(db, batch, NOON + HOUR, likes=5)
    for at, followers in ((NOON, 10), (NOON + 3 * DAY, 30), (NOON + 3 * DAY + HOUR + DAY, 40)):
        read_profile_at(db, at, followers)

    tweets = TweetStore(db).read_labelled([batch], "train", RULE)

    assert [tweet.input.profile and tweet.input.profile.followers for tweet in tweets] == [30, 10]
    assert [tweet.author_id for tweet in tweets] == ["id of ada"] * 2


def test_many_are_asked_at_once_and_answered_in_order(db: Sessions, batch: UUID) -> None:
    post(db, batch, NOON, likes=5, author="ada")
    post(db, batch, NOON, likes=0, author="bob")
    later = NOON + 9 * DAY

    with db() as session:
        answers = find_authors(
            session, "archive", [("bob", later), ("nobody", later), ("ada", later), ("bob", NOON)], RULE
        )

    assert [(one.history.tweets, one.history.viral) for one in answers] == [(1, 0), (0, 0), (1, 1), (0, 0)]
