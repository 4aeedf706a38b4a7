"""Tweets labelled in memory are what Postgres gives back of the same tweets."""

from __future__ import annotations

import random
from dataclasses import astuple, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from viral_common.database.engine import Sessions
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet, RawTweet
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.copy_row import prepare
from viral_trainer.data.tweet_files import label_tweets

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_tweets(count: int) -> list[RawTweet]:
    """Of six authors, on so few hours of ten days that many share an instant; some likes were read too early.

    Two of three bring a profile, some read nobody knows when.
    """
    draw = random.Random(5)
    tweets = [
        RawTweet(
            external_id=f"{number:05}",
            posted_at=MIDNIGHT + draw.randrange(40) * 6 * HOUR,
            author_id=f"id {author}",
            username=f"author{author}",
            text=f"tweet number {number}",
            language="en",
            like_count=draw.choice((0, 0, 1, 7)),
            retweet_count=0,
            reply_count=0,
            photos_count=number % 2,
            has_video=number % 3 == 0,
            is_quote=number % 5 == 0,
            is_reply=False,
            is_retweet=False,
            counts_observed_at=draw.choice((None, MIDNIGHT + 9 * DAY)),
        )
        for number, author in enumerate(draw.choices(range(6), k=count))
    ]
    return [replace(tweet, profile=draw_profile(draw, number)) for number, tweet in enumerate(tweets)]


def draw_profile(draw: random.Random, number: int) -> AuthorProfile | None:
    """Draw one that is told from all others by its followers, read at any time of twelve days."""
    if number % 3 == 0:
        return None
    read_at = MIDNIGHT + draw.random() * 12 * DAY
    return AuthorProfile(
        followers=number,
        posts=draw.choice((None, 10**9)),
        verified=draw.choice((None, False, True)),
        created_at=draw.choice((None, datetime(2010, 5, 6, 7, 8, 9, tzinfo=UTC))),
        read_at=draw.choice((None, read_at)),
    )


def store_and_read(db: Sessions, *pieces: list[RawTweet]) -> list[LabelledTweet]:
    """As one batch, read back split by split."""
    return read_back(db, store(db, "q", *pieces))


def store(db: Sessions, query: str, *pieces: list[RawTweet]) -> UUID:
    """As one batch of so many intervals, stored one after another."""
    window = (MIDNIGHT, MIDNIGHT + 11 * DAY)
    batches = BatchStore(db, "archive", query)
    count = sum(map(len, pieces))
    batch = batches.plan(uuid4(), window, count, [window] * len(pieces))
    for position, piece in enumerate(pieces):
        batches.store({position: prepare(piece)}, batch.id, share=count)
    return batch.id


def read_back(db: Sessions, batch_id: UUID) -> list[LabelledTweet]:
    return [
        tweet
        for split in ("train", "validation", "test")
        for tweet in TweetStore(db).read_labelled([batch_id], split, LabelRule(1, DAY))
    ]


def sort_by_split(tweets: list[LabelledTweet]) -> list[LabelledTweet]:
    order = ("train", "validation", "test")
    return sorted(tweets, key=lambda tweet: order.index(choose_split(compute_copy_hash(tweet.input.text))))


def test_labels_and_histories_are_those_of_the_database(db: Sessions) -> None:
    tweets = make_tweets(600)

    in_memory = sort_by_split(label_tweets(reversed(tweets), LabelRule(1, DAY)))
    from_postgres = store_and_read(db, tweets)

    assert len(in_memory) == len(from_postgres) < 600
    for ours, theirs in zip(in_memory, from_postgres, strict=True):
        assert ours.input.author
        assert theirs.input.author
        assert astuple(ours.input.author) == pytest.approx(astuple(theirs.input.author))
        assert (ours.input.text, ours.like_count, ours.viral) == (
            theirs.input.text,
            theirs.like_count,
            theirs.viral,
        )
    assert max(tweet.input.author.settled for tweet in in_memory if tweet.input.author) > 20


def test_profiles_are_those_of_the_database_in_whatever_order_they_are_stored(db: Sessions) -> None:
    tweets = make_tweets(600)
    days = [[tweet for tweet in tweets if (tweet.posted_at - MIDNIGHT) // DAY == day] for day in range(10)]
    # Of two readings of one moment that are stored apart, the one that is stored first stays.
    days = [[tweet for tweet in day if tweet.counts_observed_at is None or has_time(tweet)] for day in days]
    random.Random(7).shuffle(days)

    in_memory = sort_by_split(label_tweets([tweet for day in days for tweet in day], LabelRule(1, DAY)))
    from_postgres = store_and_read(db, *days)

    ours, theirs = (
        [(tweet.author_id, tweet.input.profile) for tweet in one] for one in (in_memory, from_postgres)
    )
    assert ours == theirs
    assert len({profile for _, profile in ours}) > 30
    assert None in [profile for _, profile in ours]


def has_time(tweet: RawTweet) -> bool:
    return tweet.profile is None or tweet.profile.read_at is not None


def test_what_is_read_later_changes_nothing_for_an_earlier_tweet(db: Sessions) -> None:
    tweets = make_tweets(300)
    later = [
        replace(
            tweet,
            external_id=f"{place} later {tweet.external_id}",
            text=f"{place} later {tweet.text}",
            posted_at=tweet.posted_at + 20 * DAY,
            counts_observed_at=None,
            profile=AuthorProfile(followers=10**9, read_at=read_at),
        )
        for tweet in tweets
        for place, read_at in enumerate((tweet.posted_at + 12 * DAY, None))
    ]
    batch_id = store(db, "q", tweets)
    profiles = [tweet.input.profile for tweet in read_back(db, batch_id)]

    store(db, "later", later)
    with_later = sort_by_split(label_tweets([*later, *tweets], LabelRule(1, DAY)))
    early = [tweet for tweet in with_later if tweet.input.created_at < MIDNIGHT + 11 * DAY]

    assert [tweet.input.profile for tweet in read_back(db, batch_id)] == profiles
    assert [tweet.input.profile for tweet in early] == profiles
    assert len(set(profiles)) > 30
