"""Bring prepared tweets into Postgres by COPY."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg2
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from viral_common.tweets.filters import find_reason_against
from viral_common.tweets.tweet import RawTweet

from viral_scraper.stores.copy_row import COLUMNS, CopyRow, read_field

COPY_AT_ONCE = 1 << 18  # bytes; psycopg2's own 8 KiB cost a tenth of the time


@dataclass(frozen=True)
class PreparedTweets:
    """Hold an interval's tweets: those to keep as COPY rows, the others counted by reason."""

    rows: bytes = b""
    count: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)

    def read_times(self) -> Iterator[datetime]:
        """Read when each tweet was posted."""
        for row in self.rows.splitlines():
            yield datetime.fromisoformat(read_field(row, "posted_at").decode())


def prepare(tweets: Iterable[RawTweet]) -> PreparedTweets:
    """Filter tweets and encode what passes; of a tweet that comes several times the one with the most likes."""
    left_out: Counter[str] = Counter()
    kept: dict[str, RawTweet] = {}
    for tweet in tweets:
        if reason := find_reason_against(tweet):
            left_out[reason] += 1
            continue
        known = kept.setdefault(tweet.external_id, tweet)
        if known is not tweet:
            left_out["duplicate"] += 1
            if tweet.like_count > known.like_count:
                kept[tweet.external_id] = tweet
    rows = b"".join(CopyRow.from_tweet(tweet).encode() for tweet in kept.values())
    return PreparedTweets(rows, len(kept), left_out)


def stage(session: Session, prepared: Mapping[int, PreparedTweets]) -> None:
    """Fill the temporary table `staged_tweets`, each row with its interval's position; empty after the transaction."""
    session.execute(
        text(
            "CREATE TEMPORARY TABLE IF NOT EXISTS staged_tweets ON COMMIT DELETE ROWS AS "  # noqa: S608
            f"SELECT 0::bigint AS position, {COLUMNS} FROM tweets WITH NO DATA"
        )
    )
    rows = io.BytesIO(b"".join(_prefix_rows(position, tweets.rows) for position, tweets in prepared.items()))
    cursor: Any = session.connection().connection.cursor()  # psycopg2's own; COPY is no part of the DB-API
    statement = f"COPY staged_tweets (position, {COLUMNS}) FROM STDIN"
    try:
        cursor.copy_expert(statement, rows, COPY_AT_ONCE)
    # A connection lost in the middle of a COPY makes psycopg2 trip over itself: SystemError.
    except (psycopg2.OperationalError, psycopg2.InterfaceError, SystemError) as error:
        raise OperationalError(statement, None, error) from error
    cursor.close()


def _prefix_rows(position: int, rows: bytes) -> bytes:
    prefix = b"%d\t" % position
    return prefix + rows[:-1].replace(b"\n", b"\n" + prefix) + b"\n" if rows else b""
