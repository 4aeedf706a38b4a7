"""Merge one transaction's staged tweets into their batch: copies left out, known tweets and profiles updated."""

from __future__ import annotations

import io
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import psycopg2
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from viral_common.database.tables import Batch
from viral_common.tweets.profile import PARTS

from viral_scraper.stores.copy_row import PROFILE, TWEET, CopyRow, PreparedTweets
from viral_scraper.stores.forgotten import ForgottenNames, wait_for_forgetting

COPY_AT_ONCE = 1 << 18  # bytes; psycopg2's own 8 KiB cost a tenth of the time
# Where a source tells a tweet's time in another way than before, in local time mostly, it is off by less.
ANOTHER_TIME = timedelta(days=2)

_COLUMNS, _STAGED, _PROFILE = (", ".join(names) for names in (TWEET, CopyRow._fields, PROFILE))
_PARTS, _DAY = ", ".join(PARTS), "CAST(read_at AT TIME ZONE 'UTC' AS date)"
_NEW_PROFILE = ", ".join(f"{name} = excluded.{name}" for name in PROFILE)


def store_staged(
    session: Session,
    batch: Batch,
    intervals: Mapping[int, PreparedTweets],
    share: int,
    names: ForgottenNames,
) -> tuple[Any, int]:
    """Store them; return the counts of STORE_STAGED and how many had been forgotten on request."""
    wait_for_forgetting(session)
    # Rows of a batch fit; and compiling the statement costs more than running it.
    session.execute(text("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)"))
    _stage(session, intervals)
    forgotten = names.delete_from_staged(session, batch.source)
    counts = session.execute(
        STORE_STAGED,
        {
            "batch": batch.id,
            "source": batch.source,
            "room": batch.target - batch.tweet_count,
            "share": share,
            "positions": list(intervals),
            "since": batch.window_from - ANOTHER_TIME,
            "until": batch.window_to + ANOTHER_TIME,
            "another_time": ANOTHER_TIME,
        },
    ).one()
    batch.tweet_count += counts.kept
    return counts, forgotten


def _stage(session: Session, prepared: Mapping[int, PreparedTweets]) -> None:
    """Fill the temporary table `staged_tweets`, each row with its interval's position; empty after the transaction."""
    session.execute(
        text(
            "CREATE TEMPORARY TABLE IF NOT EXISTS staged_tweets ON COMMIT DELETE ROWS AS "  # noqa: S608
            f"SELECT 0::bigint AS position, {_COLUMNS}, {_PROFILE} "
            f"FROM (SELECT {_COLUMNS} FROM tweets) t, (SELECT {_PROFILE} FROM author_profiles) p WITH NO DATA"
        )
    )
    rows = io.BytesIO(b"".join(_prefix_rows(position, tweets.rows) for position, tweets in prepared.items()))
    cursor: Any = session.connection().connection.cursor()  # psycopg2's own; COPY is no part of the DB-API
    statement = f"COPY staged_tweets (position, {_STAGED}) FROM STDIN"
    try:
        cursor.copy_expert(statement, rows, COPY_AT_ONCE)
    # A connection lost in the middle of a COPY makes psycopg2 trip over itself: SystemError.
    except (psycopg2.OperationalError, psycopg2.InterfaceError, SystemError) as error:
        raise OperationalError(statement, None, error) from error
    cursor.close()


def _prefix_rows(position: int, rows: bytes) -> bytes:
    prefix = b"%d\t" % position
    return prefix + rows[:-1].replace(b"\n", b"\n" + prefix) + b"\n" if rows else b""


# A copy is a text that the batch already holds, but for trifles a near-copy; the earliest stays. A known tweet
# keeps its batch, split and time; each is looked for around its own time, so in one month, at a border in two, and no
# other month is locked than those around the batch. Sorting and counting go over narrow rows; the texts are fetched for
# those chosen. Of an author's profiles the earliest of a day stays, in whatever order they come; locked in the order of
# authors, so that two scrapers of one source wait for each other and not in a circle.
STORE_STAGED = text(
    f"""
    WITH known AS MATERIALIZED (
        SELECT s.external_id, t.batch_id, t.posted_at FROM staged_tweets s
        JOIN tweets t ON t.source = :source AND t.external_id = s.external_id
            AND t.posted_at BETWEEN s.posted_at - :another_time AND s.posted_at + :another_time
            AND t.posted_at BETWEEN :since AND :until
    ), refreshed AS (
        UPDATE tweets t SET
            like_count = s.like_count, retweet_count = s.retweet_count,
            reply_count = s.reply_count, counts_observed_at = s.counts_observed_at
        FROM staged_tweets s JOIN known USING (external_id)
        WHERE t.source = :source AND t.external_id = known.external_id AND t.posted_at = known.posted_at
            AND t.posted_at BETWEEN :since AND :until
            AND (t.counts_observed_at <= s.counts_observed_at) IS NOT FALSE
    ), fresh AS MATERIALIZED (
        SELECT ctid AS place, position, near_hash, text_hash, posted_at, external_id FROM staged_tweets
        WHERE external_id NOT IN (SELECT external_id FROM known)
    ), firsts AS (
        SELECT DISTINCT ON (near_hash) * FROM fresh ORDER BY near_hash, posted_at, external_id
    ), met AS MATERIALIZED (
        SELECT firsts.*, t.text_hash AS stored_text_hash,
            row_number() OVER (
                PARTITION BY position, t.text_hash IS NULL ORDER BY firsts.near_hash
            ) AS place_in_interval
        FROM firsts LEFT JOIN tweets t ON t.batch_id = :batch AND t.near_hash = firsts.near_hash
            AND t.posted_at BETWEEN :since AND :until
    ), chosen AS MATERIALIZED (
        SELECT place, position FROM met
        WHERE stored_text_hash IS NULL AND place_in_interval <= :share
        ORDER BY near_hash LIMIT :room
    ), kept AS (
        INSERT INTO tweets (source, batch_id, {_COLUMNS})
        SELECT CAST(:source AS text), CAST(:batch AS uuid), {_COLUMNS} FROM staged_tweets
        WHERE ctid IN (SELECT place FROM chosen) ORDER BY posted_at, external_id
        ON CONFLICT DO NOTHING
        RETURNING 1
    ), read AS (
        SELECT s.author_id, s.external_id, {_PARTS},
            coalesce(s.read_at, s.counts_observed_at, known.posted_at, s.posted_at) AS read_at
        FROM staged_tweets s LEFT JOIN known USING (external_id)
        WHERE num_nonnulls({_PARTS}) > 0
            AND (known.posted_at IS NOT NULL OR s.ctid IN (SELECT place FROM chosen))
    ), profiles AS (
        INSERT INTO author_profiles AS earliest (source, author_id, day, {_PROFILE})
        SELECT DISTINCT ON (author_id, {_DAY}) CAST(:source AS text), author_id, {_DAY}, {_PROFILE} FROM read
        ORDER BY author_id, {_DAY}, read_at, external_id
        ON CONFLICT (source, author_id, day) DO UPDATE SET {_NEW_PROFILE}
        WHERE excluded.read_at < earliest.read_at
    ), stored AS (
        UPDATE batch_intervals i SET
            stored_at = clock_timestamp(),
            kept = i.kept + (SELECT count(*) FROM chosen WHERE chosen.position = i.position)
        WHERE batch_id = :batch AND position = ANY(:positions)
    ), counted AS (
        SELECT count(*) AS texts,
            count(*) FILTER (WHERE stored_text_hash IS NULL) AS new,
            count(*) FILTER (WHERE stored_text_hash IS NULL AND place_in_interval <= :share) AS within_share,
            count(*) FILTER (WHERE stored_text_hash = text_hash) AS stored_copies,
            count(*) FILTER (WHERE stored_text_hash <> text_hash) AS stored_near_copies
        FROM met
    ), seen AS (
        SELECT count(*) AS tweets, count(DISTINCT text_hash) AS texts FROM fresh
    )
    SELECT
        (SELECT count(*) FROM known WHERE batch_id <> :batch) AS elsewhere,
        seen.tweets - seen.texts + counted.stored_copies AS copies,
        seen.texts - counted.texts + counted.stored_near_copies AS near_copies,
        counted.new, counted.within_share,
        (SELECT count(*) FROM kept) AS kept
    FROM counted, seen
    """  # noqa: S608  (constants)
)
