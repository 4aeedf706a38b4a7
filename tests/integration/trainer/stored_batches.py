"""Store collected batches in a real Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from sqlalchemy import insert
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, Tweet
from viral_common.events import BatchCollected
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet

from tests.factories import START, make_labelled_tweets


def store_batch(
    db: Sessions,
    *,
    day: int = 0,
    count: int = 600,
    likes: int | None = None,
    tweets: Sequence[LabelledTweet] | None = None,
) -> BatchCollected:
    """Store a batch as the scraper does; `likes` gives every tweet that many, `tweets` are used instead of new ones."""
    since, until = START + timedelta(days=day), START + timedelta(days=day + 1)
    event = BatchCollected(
        id=uuid4(),
        batch_id=uuid4(),
        source="simulated",
        query="tests",
        window_from=since,
        window_to=until,
        tweet_count=count,
        train_count=count,
        test_count=0,
        viral_rate=0.5,
    )
    batch = Batch(
        id=event.batch_id,
        source=event.source,
        query=event.query,
        window_from=since,
        window_to=until,
        target=count,
        tweet_count=count,
        collected_at=datetime.now(UTC),
    )
    with db.begin() as session:
        session.add(batch)
        session.flush()
        if count:
            made = tweets or make_labelled_tweets(count, seed=day)
            rows = [_make_row(event, number, tweet, likes) for number, tweet in enumerate(made)]
            session.execute(insert(Tweet), rows)
    return event


def _make_row(
    event: BatchCollected, number: int, tweet: LabelledTweet, likes: int | None
) -> dict[str, object]:
    text_hash = compute_copy_hash(tweet.input.text)
    return {
        "source": event.source,
        # All are of one time: their ids are their order, which decides what a training sees first.
        "external_id": f"{number:06} {uuid4()}",
        "batch_id": event.batch_id,
        "posted_at": event.window_from,
        "author_id": str(number // 2),
        "username": f"author{number // 2}",
        "text": tweet.input.text,
        "language": "en",
        "like_count": tweet.like_count if likes is None else likes,
        "photos_count": tweet.input.photos_count,
        "has_video": False,
        "is_quote": False,
        "text_hash": text_hash,
        "near_hash": text_hash,
        "split": choose_split(text_hash),
        **dict.fromkeys(
            ("retweet_count", "reply_count", "hashtags_count", "mentions_count", "urls_count", "word_count"),
            0,
        ),
    }
