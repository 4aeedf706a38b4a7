"""Tweets labelled in memory are what Postgres gives back of the same tweets."""

from __future__ import annotations

import random
from dataclasses import astuple
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from viral_common.database.engine import Sessions
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet, RawTweet
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.copy_row import prepare
from viral_trainer.data.tweet_files import label_tweets

MIDNIGHT = datetime(2026, 3, 1, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def make_tweets(count: int) -> list[RawTweet]:
    """Of six authors, on so few hours of ten days that many share an instant; some likes were read too early."""
    draw = random.Random(5)
    return [
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


def store_and_read(db: Sessions, tweets: list[RawTweet]) -> list[LabelledTweet]:
    """As one batch, read back split by split."""
    window = (MIDNIGHT, MIDNIGHT + 11 * DAY)
    batches = BatchStore(db, "archive", "q")
    batch = batches.plan(uuid4(), window, len(tweets), [window])
    batches.store({0: prepare(tweets)}, batch.id, share=len(tweets))
    return [
        tweet
        for split in ("train", "validation", "test")
        for tweet in TweetStore(db).read_labelled([batch.id], split, LabelRule(1, DAY))
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
