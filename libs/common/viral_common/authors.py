"""What Postgres knows of authors, point-in-time: nothing that was posted or liked later counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from viral_common.features import AuthorHistory
from viral_common.text import Split

# A tweet's own likes, and those of the same instant, are not its past, however young a label may be.
INSTANT = timedelta(microseconds=1)
ROWS_AT_ONCE = 10_000
# Rows of some batches fit; and compiling a statement over dozens of months costs more than running it.
_FOR_MANY_ROWS = text("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")

_KNOWN = "(counts_observed_at IS NULL OR counts_observed_at - posted_at >= :min_age)"
_ASKED_FOR = "batch_id = ANY(:batches) AND split = ANY(:splits)"

# When the tweets asked for were posted. All else is read for these times alone, so in few months.
BOUNDS = text(f"SELECT min(posted_at) AS first, max(posted_at) AS last FROM tweets WHERE {_ASKED_FOR}")  # noqa: S608

# What was settled of their authors before the first of them: a row for each author, however many tweets it is made of.
SETTLED = text(
    f"""
    SELECT
        source, author_id,
        count(*) AS author_tweets,
        count(*) FILTER (WHERE {_KNOWN}) AS author_settled,
        count(*) FILTER (WHERE {_KNOWN} AND like_count > :threshold) AS author_viral,
        coalesce(sum(ln(1 + like_count)) FILTER (WHERE {_KNOWN}), 0) AS author_log_likes
    FROM tweets
    JOIN (SELECT DISTINCT source, author_id FROM tweets WHERE {_ASKED_FOR} AND posted_at BETWEEN :first AND :last)
        AS authors USING (source, author_id)
    WHERE posted_at <= CAST(:first AS timestamptz) - :settle
    GROUP BY source, author_id
    """  # noqa: S608  (constants)
)

# The tweets whose label is mature, each with what came of its author since: earlier tweets of that time or less than
# `settle` before the first. Texts are fetched for these alone, for a window function would carry them along.
LABELLED = text(
    f"""
    WITH recent AS (
        SELECT DISTINCT
            source, author_id, posted_at,
            count(*) OVER earlier AS author_tweets,
            count(*) FILTER (WHERE {_KNOWN}) OVER settled AS author_settled,
            count(*) FILTER (WHERE {_KNOWN} AND like_count > :threshold) OVER settled AS author_viral,
            coalesce(sum(ln(1 + like_count)) FILTER (WHERE {_KNOWN}) OVER settled, 0) AS author_log_likes
        FROM tweets
        JOIN (SELECT DISTINCT source, author_id FROM tweets WHERE {_ASKED_FOR} AND posted_at BETWEEN :first AND :last)
            AS authors USING (source, author_id)
        WHERE posted_at > CAST(:first AS timestamptz) - :settle AND posted_at <= :last
        WINDOW
            author AS (PARTITION BY source, author_id ORDER BY posted_at),
            earlier AS (author RANGE BETWEEN UNBOUNDED PRECEDING AND :instant PRECEDING),
            settled AS (author RANGE BETWEEN UNBOUNDED PRECEDING AND :settle PRECEDING)
    )
    SELECT
        text, posted_at, photos_count, has_video, is_quote, username,
        like_count, retweet_count, reply_count, source, author_id, language, text_hash, split,
        author_tweets, author_settled, author_viral, author_log_likes,
        array_position(:batches, batch_id) - 1 AS batch
    FROM tweets JOIN recent USING (source, author_id, posted_at)
    WHERE {_ASKED_FOR} AND {_KNOWN} AND posted_at BETWEEN :first AND :last
    ORDER BY posted_at, external_id
    """  # noqa: S608  (constants)
)

# A function of the database, whose plan each connection keeps: planning a query over dozens of months takes longer than
# running it.
_ASKED = text("SELECT * FROM author_histories(:source, :usernames, :times, :threshold, :min_age, :settle)")


def labelled_rows(
    session: Session,
    batches: Sequence[UUID],
    splits: Sequence[Split],
    likes_threshold: int,
    min_age: timedelta,
) -> Iterator[tuple[Any, AuthorHistory]]:
    """Rows of LABELLED in their order, a piece at a time, each with all that was known of its author."""
    connection = session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    connection.execute(_FOR_MANY_ROWS)
    asked = {"batches": list(batches), "splits": list(splits), **_of_labels(likes_threshold, min_age)}
    bounds = connection.execute(BOUNDS, asked).one()
    if bounds.first is None:
        return
    asked |= {"first": bounds.first, "last": bounds.last}
    # Not through a cursor, which Postgres reads with one process only.
    settled = {(row.source, row.author_id): _history_of(row) for row in connection.execute(SETTLED, asked)}
    for row in connection.execute(LABELLED, asked, execution_options={"yield_per": ROWS_AT_ONCE}):
        recent, before = _history_of(row), settled.get((row.source, row.author_id))
        yield row, recent if before is None else before + recent


def _of_labels(threshold: int, min_age: timedelta) -> dict[str, Any]:
    settle = max(min_age, INSTANT)
    return {"threshold": threshold, "min_age": min_age, "settle": settle, "instant": INSTANT}


def _history_of(row: Any) -> AuthorHistory:
    """The author's columns of a row of any query here."""
    return AuthorHistory(row.author_tweets, row.author_settled, row.author_viral, float(row.author_log_likes))


def author_histories(
    session: Session,
    source: str,
    asked: Sequence[tuple[str, datetime]],
    likes_threshold: int,
    min_age: timedelta,
) -> list[AuthorHistory]:
    """Of each (username, time) asked for, in that order; zeros for a username nobody has seen."""
    parameters = _of_labels(likes_threshold, min_age)
    del parameters["instant"]
    usernames, times = [name.lstrip("@") for name, _ in asked], [at for _, at in asked]
    rows = session.execute(_ASKED, {**parameters, "source": source, "usernames": usernames, "times": times})
    return [_history_of(row) for row in rows]
