"""What is left out, and why."""

from __future__ import annotations

from typing import Any

import pytest
from viral_common.archive.reader import TWINT
from viral_common.tweets.filters import filter_tweets, find_reason_against
from viral_common.tweets.tweet import RawTweet

from tests.factories import make_twint_row


def read_tweet(row: dict[str, Any]) -> RawTweet:
    return TWINT.read_tweet(TWINT.convert(row))


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({}, None),
        ({"language": "en-GB"}, None),
        ({"language": "und"}, "language"),
        ({"language": "de"}, "language"),
        ({"conversation_id": "17"}, "reply"),
        ({"retweet": True}, "retweet"),
        ({"retweet": True, "language": "de"}, "retweet"),
        ({"tweet": " \n"}, "empty"),
        ({"tweet": "https://t.co/a https://t.co/b", "urls": ["http://a", "http://b"]}, "empty"),
        ({"tweet": "https://t.co/a is down", "urls": ["http://a"]}, None),
        ({"tweet": "My favourite tea, on offer today #Ad"}, "sponsored"),
        ({"tweet": "A good #adventure, not an #advice"}, None),
        ({"language": "", "tweet": "Oil prices went up again this morning, and nobody knows why"}, None),
        ({"language": None, "tweet": "Oil prices went up again this morning, and nobody knows why"}, None),
        (
            {"language": "", "tweet": "Die Ölpreise sind heute wieder gestiegen, keiner weiß warum"},
            "language",
        ),
    ],
)
def test_why_a_tweet_is_left_out(fields: dict[str, Any], reason: str | None) -> None:
    assert find_reason_against(read_tweet(make_twint_row(**fields))) == reason


def test_every_reason_is_counted() -> None:
    tweets = [read_tweet(make_twint_row(number=n, language="en" if n % 3 else "fr")) for n in range(9)]

    kept, left_out = filter_tweets(tweets)

    assert len(kept) == 6
    assert left_out == {"language": 3}
