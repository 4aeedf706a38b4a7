"""Tweets as columns: complete, in order, and nameless."""

from __future__ import annotations

from dataclasses import fields, replace

import numpy as np
import pytest
from viral_common.stores import tweet_columns
from viral_common.stores.tweet_columns import DescribedTweet, TweetColumns
from viral_common.tweets.features import FEATURES, AuthorHistory, compute_feature_matrix

from tests.factories import make_labelled_tweets


def described(count: int) -> list[DescribedTweet]:
    return [
        DescribedTweet(
            replace(tweet.input, username="ada", author=AuthorHistory(number, 0, 0, 0.0)),
            tweet.like_count,
            2 * number,
            3 * number,
            f"author {number % 2}",
            "en",
            number,
            "train",
            number % 3,
        )
        for number, tweet in enumerate(make_labelled_tweets(count))
    ]


def test_every_tweet_is_a_row() -> None:
    tweets = described(25)

    columns = TweetColumns.from_tweets(iter(tweets))

    assert len(columns) == 25
    assert columns.texts.tolist() == [tweet.input.text for tweet in tweets]
    np.testing.assert_array_equal(columns.features, compute_feature_matrix([tweet.input for tweet in tweets]))
    assert (
        columns.get_feature("word_count").tolist()
        == columns.features[:, FEATURES.index("word_count")].tolist()
    )
    assert columns.authors.tolist() == [number % 2 for number in range(25)]
    assert columns.earlier.tolist() == list(range(25))
    assert columns.posted_at[0] == np.datetime64("2026-01-01T00:00:00")


def test_pieces_are_put_together_again(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TweetColumns.from_tweets(described(25))
    monkeypatch.setattr(tweet_columns, "ROWS_AT_ONCE", 4)

    pieces = TweetColumns.from_tweets(described(25))

    for field in fields(TweetColumns):
        np.testing.assert_array_equal(getattr(pieces, field.name), getattr(whole, field.name))


def test_some_rows_can_be_taken() -> None:
    columns = TweetColumns.from_tweets(described(9))

    last = columns.select(columns.batches == 2)

    assert last.retweets.tolist() == [4, 10, 16]


def test_no_tweets_are_columns_too() -> None:
    nothing = TweetColumns.from_tweets([])

    assert len(nothing) == 0
    assert nothing.features.shape == (0, len(FEATURES))
