"""Tweets into Postgres by COPY: rows with everything that follows from a text, made once, stored as they are."""

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
from viral_common.tweets.features import signs_in
from viral_common.tweets.filters import ENGLISH, reason_against
from viral_common.tweets.text import around_links, hashes_of, masked_words, split_of
from viral_common.tweets.tweet import RawTweet

# All of a tweet but its source and its batch, in the order of a row's fields.
STAGED = (
    "external_id, near_hash, posted_at, author_id, username, text, language, like_count, retweet_count, "
    "reply_count, photos_count, has_video, hashtags_count, mentions_count, urls_count, word_count, is_quote, "
    "counts_observed_at, text_hash, split"
)
NULL = "\\N"
COPY_AT_ONCE = 1 << 18  # bytes; psycopg2's own 8 KiB cost a tenth of the time


@dataclass(frozen=True)
class PreparedTweets:
    """An interval's tweets: those to keep as COPY rows, the others counted by reason."""

    rows: bytes = b""
    count: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)


def prepare(tweets: Iterable[RawTweet]) -> PreparedTweets:
    """Filter, and write down what passes; of a tweet that comes several times the one with the most likes."""
    left_out: Counter[str] = Counter()
    kept: dict[str, RawTweet] = {}
    for tweet in tweets:
        if reason := reason_against(tweet):
            left_out[reason] += 1
            continue
        known = kept.setdefault(tweet.external_id, tweet)
        if known is not tweet:
            left_out["duplicate"] += 1
            if tweet.like_count > known.like_count:
                kept[tweet.external_id] = tweet
    return PreparedTweets("".join(map(row_of, kept.values())).encode(), len(kept), left_out)


def row_of(tweet: RawTweet) -> str:
    """The tweet in COPY's text format, its columns as in STAGED, with its line end."""
    pieces = around_links(tweet.text)
    hashtags, mentions = signs_in(" ".join(pieces))
    words = masked_words(pieces)
    # A link that stands alone is a masked word but no word.
    lone_links = sum(not piece or piece[-1].isspace() for piece in pieces[:-1])
    text_hash, near_hash = hashes_of(" ".join(words))
    observed = tweet.counts_observed_at
    return (
        f"{_escaped(tweet.external_id)}\t{near_hash}\t{tweet.posted_at.isoformat()}\t{_escaped(tweet.author_id)}\t"
        f"{_escaped(tweet.username)}\t{_escaped(tweet.text)}\t{_escaped(tweet.language) or ENGLISH}\t"
        f"{tweet.like_count}\t{tweet.retweet_count}\t{tweet.reply_count}\t{tweet.photos_count}\t"
        f"{'t' if tweet.has_video else 'f'}\t{hashtags}\t{mentions}\t{len(pieces) - 1}\t{len(words) - lone_links}\t"
        f"{'t' if tweet.is_quote else 'f'}\t{observed.isoformat() if observed else NULL}\t"
        f"{text_hash}\t{split_of(text_hash)}\n"
    )


def tweet_of_row(row: str) -> RawTweet:
    """What `row_of` wrote down, read again; only originals are written down."""
    fields = row.rstrip("\n").split("\t")
    external_id, _, posted_at, author_id, username, typed, language = map(_unescaped, fields[:7])
    likes, retweets, replies, photos = map(int, fields[7:11])
    return RawTweet(
        external_id=external_id,
        posted_at=datetime.fromisoformat(posted_at),
        author_id=author_id,
        username=username,
        text=typed,
        language=language,
        like_count=likes,
        retweet_count=retweets,
        reply_count=replies,
        photos_count=photos,
        has_video=fields[11] == "t",
        is_quote=fields[16] == "t",
        is_reply=False,
        is_retweet=False,
        counts_observed_at=None if fields[17] == NULL else datetime.fromisoformat(fields[17]),
    )


def times_of(prepared: Iterable[PreparedTweets]) -> Iterator[datetime]:
    """When the tweets were posted."""
    for tweets in prepared:
        for row in tweets.rows.splitlines():
            yield datetime.fromisoformat(row.split(b"\t", 3)[2].decode())


def stage(session: Session, prepared: Mapping[int, PreparedTweets]) -> None:
    """Fill the temporary table `staged_tweets`, each row with its interval's position; empty after the transaction."""
    session.execute(
        text(
            "CREATE TEMPORARY TABLE IF NOT EXISTS staged_tweets ON COMMIT DELETE ROWS AS "  # noqa: S608
            f"SELECT 0::bigint AS position, {STAGED} FROM tweets WITH NO DATA"
        )
    )
    rows = io.BytesIO(b"".join(_at(position, tweets.rows) for position, tweets in prepared.items()))
    cursor: Any = session.connection().connection.cursor()  # psycopg2's own; COPY is no part of the DB-API
    statement = f"COPY staged_tweets (position, {STAGED}) FROM STDIN"
    try:
        cursor.copy_expert(statement, rows, COPY_AT_ONCE)
    # A connection lost in the middle of a COPY makes psycopg2 trip over itself: SystemError.
    except (psycopg2.OperationalError, psycopg2.InterfaceError, SystemError) as error:
        raise OperationalError(statement, None, error) from error
    cursor.close()


def _at(position: int, rows: bytes) -> bytes:
    """Each row with the position before it; a line break within a text is escaped, so each ends a row."""
    prefix = b"%d\t" % position
    return prefix + rows[:-1].replace(b"\n", b"\n" + prefix) + b"\n" if rows else b""


def _escaped(value: str) -> str:
    """As COPY's text format wants it."""
    if value.isprintable() and "\\" not in value:
        return value
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r").replace("\t", "\\t")


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    parts = (
        part.replace("\\n", "\n").replace("\\r", "\r").replace("\\t", "\t") for part in value.split("\\\\")
    )
    return "\\".join(parts)
