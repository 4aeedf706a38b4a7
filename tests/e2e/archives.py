"""Small archives: a slice of the real one where there is any, else simulated tweets in Twint's format."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from viral_common.tweets.tweet import RawTweet
from viral_scraper.sources.simulated import SimulatedSource

from tests.conftest import TEST_DATA

REAL = TEST_DATA / "ukraine_oil_snscrape.jsonl.gz"
DAYS = 4
# What a snowflake id counts its milliseconds from.
SNOWFLAKE_EPOCH_MS = 1288834974657


def small_archive(directory: Path, rows: int) -> Path:
    """About `rows` tweets over several days, with one broken line among them."""
    path = directory / "tweets.jsonl.gz"
    lines = _real_lines(rows) if REAL.exists() else _simulated_lines(rows)
    with gzip.open(path, "wb") as file:
        file.writelines([*lines[:100], b'{"id": 12, "tweet": "half a li\n', *lines[100:]])
    return path


def _real_lines(rows: int) -> list[bytes]:
    with gzip.open(REAL, "rb") as file:
        return list(islice(file, rows))


def _simulated_lines(rows: int) -> list[bytes]:
    source = SimulatedSource(seed=3, first_day=None, days=DAYS, batch_size=rows // DAYS)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    tweets = source.search(today - timedelta(days=DAYS), today, rows)
    return [_twint_line(number, tweet) for number, tweet in enumerate(tweets)]


def _twint_line(number: int, tweet: RawTweet) -> bytes:
    milliseconds = int(tweet.posted_at.timestamp() * 1000)
    tweet_id = (milliseconds - SNOWFLAKE_EPOCH_MS << 22) + number % (1 << 22)
    row = {
        "id": tweet_id,
        "conversation_id": "1" if tweet.is_reply else str(tweet_id),
        "created_at": f"{tweet.posted_at:%Y-%m-%d %H:%M:%S} UTC",
        "timezone": "+0000",
        "user_id": sum(map(ord, tweet.author_id)),
        "username": tweet.username,
        "tweet": tweet.text,
        "language": tweet.language,
        "mentions": [],
        "urls": [word for word in tweet.text.split() if word.startswith("http")],
        "photos": ["photo"] * tweet.photos_count,
        "replies_count": tweet.reply_count,
        "retweets_count": tweet.retweet_count,
        "likes_count": tweet.like_count,
        "hashtags": [],
        "retweet": tweet.is_retweet,
        "quote_url": "",
        "video": int(tweet.has_video or tweet.photos_count > 0),
        "reply_to": [],
    }
    return json.dumps(row).encode() + b"\n"
