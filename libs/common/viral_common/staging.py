"""Tweets into Postgres by COPY: a temporary table that the session's transaction fills and empties."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import psycopg2
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from viral_common.features import count_text
from viral_common.text import copy_hash, split_of
from viral_common.tweets import RawTweet

COLUMNS = (
    "source, external_id, batch_id, posted_at, author_id, username, text, language, like_count, retweet_count, "
    "reply_count, photos_count, has_video, hashtags_count, mentions_count, urls_count, word_count, is_quote, "
    "counts_observed_at, text_hash, split"
)


def stage(session: Session, source: str, batch_id: UUID, tweets: Iterable[RawTweet]) -> None:
    """Fill the temporary table `staged_tweets`; it is empty again after the transaction."""
    session.execute(
        text("CREATE TEMPORARY TABLE IF NOT EXISTS staged_tweets (LIKE tweets) ON COMMIT DELETE ROWS")
    )
    lines = io.StringIO("".join(_line(source, batch_id, tweet) for tweet in tweets))
    cursor: Any = session.connection().connection.cursor()  # psycopg2's own; COPY is no part of the DB-API
    statement = f"COPY staged_tweets ({COLUMNS}) FROM STDIN"
    try:
        cursor.copy_expert(statement, lines)
    # A connection lost in the middle of a COPY makes psycopg2 trip over itself: SystemError.
    except (psycopg2.OperationalError, psycopg2.InterfaceError, SystemError) as error:
        raise OperationalError(statement, None, error) from error
    cursor.close()


def _line(source: str, batch_id: UUID, tweet: RawTweet) -> str:
    counts = count_text(tweet.text)
    text_hash = copy_hash(tweet.text)
    observed = tweet.counts_observed_at
    return (
        f"{_escaped(source)}\t{_escaped(tweet.external_id)}\t{batch_id}\t{tweet.posted_at.isoformat()}\t"
        f"{_escaped(tweet.author_id)}\t{_escaped(tweet.username)}\t{_escaped(tweet.text)}\t"
        f"{_escaped(tweet.language)}\t{tweet.like_count}\t{tweet.retweet_count}\t{tweet.reply_count}\t"
        f"{tweet.photos_count}\t{tweet.has_video}\t{counts.hashtags}\t{counts.mentions}\t{counts.urls}\t"
        f"{counts.words}\t{tweet.is_quote}\t{observed.isoformat() if observed else NULL}\t"
        f"{text_hash}\t{split_of(text_hash)}\n"
    )


NULL = "\\N"


def _escaped(value: str) -> str:
    """As COPY's text format wants it."""
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")
