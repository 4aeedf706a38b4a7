"""Made-up tweets as columns, and as what a report is about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from viral_common.stores.tweet_columns import DescribedTweet, TweetColumns
from viral_common.tweets.features import AuthorHistory, TweetInput
from viral_common.tweets.text import copy_hash, split_of
from viral_trainer.eda.described import Described, Piece

from tests.labelled import START, labelled_tweets


def described_tweet(
    text: str = "hello",
    likes: int = 0,
    *,
    at: datetime = START,
    author: str = "ada",
    earlier: int = 0,
    language: str = "en",
    photos: int = 0,
    batch: int = 0,
) -> DescribedTweet:
    """One tweet; what is not named is plain."""
    history = AuthorHistory(earlier, earlier, earlier // 2, 0.5 * earlier)
    text_hash = copy_hash(text)
    return DescribedTweet(
        TweetInput(text, at, photos, username=author, author=history),
        likes,
        likes // 2,
        likes // 3,
        author,
        language,
        text_hash,
        split_of(text_hash),
        batch,
    )


def columns_of(tweets: Sequence[DescribedTweet]) -> TweetColumns:
    """In the given order."""
    return TweetColumns.of(tweets)


def some_columns(count: int = 300, seed: int = 7, batch: int = 0) -> TweetColumns:
    """Tweets whose photos and wording decide about likes, by authors with a past or without."""
    return TweetColumns.of(
        described_tweet(
            tweet.input.text,
            tweet.like_count * (1 + number % 50),
            at=tweet.input.created_at,
            author=f"author {number % 40}",
            earlier=number // 40,
            photos=tweet.input.photos_count,
            batch=batch,
        )
        for number, tweet in enumerate(labelled_tweets(count, seed))
    )


def some_described(
    columns: TweetColumns | None = None, *, before: TweetColumns | None = None, source: str = "archive"
) -> Described:
    """One batch, by default of some tweets and the first of its source."""
    return Described(
        source=source,
        query="oil",
        pieces=[Piece("0190", START, START + timedelta(days=2))],
        columns=some_columns() if columns is None else replace(columns),
        before=before,
        likes_threshold=0,
        unit="batch",
        too_young=3,
        left_out={"reply": 70, "duplicate": 5},
    )
