"""What Postgres knows of authors, point-in-time: nothing that was posted or liked later counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from viral_common.features import AuthorHistory

# A tweet's own likes, and those of the same instant, are not its past, however young a label may be.
INSTANT = timedelta(microseconds=1)

_KNOWN = "(counts_observed_at IS NULL OR counts_observed_at - posted_at >= :min_age)"

# The batches' tweets of some splits whose label is mature, each with its author's history.
LABELLED = text(
    f"""
    WITH authors AS (
        SELECT DISTINCT source, author_id FROM tweets WHERE batch_id = ANY(:batches) AND split = ANY(:splits)
    ), told AS (
        SELECT t.*,
            {_KNOWN} AS is_mature,
            count(*) OVER earlier AS author_tweets,
            count(*) FILTER (WHERE {_KNOWN}) OVER settled AS author_settled,
            count(*) FILTER (WHERE {_KNOWN} AND like_count > :threshold) OVER settled AS author_viral,
            coalesce(sum(ln(1 + like_count)) FILTER (WHERE {_KNOWN}) OVER settled, 0) AS author_log_likes
        FROM tweets t JOIN authors USING (source, author_id)
        WINDOW
            author AS (PARTITION BY source, author_id ORDER BY posted_at),
            earlier AS (author RANGE BETWEEN UNBOUNDED PRECEDING AND :instant PRECEDING),
            settled AS (author RANGE BETWEEN UNBOUNDED PRECEDING AND :settle PRECEDING)
    )
    SELECT
        text, posted_at, photos_count, has_video, is_quote, username,
        like_count, retweet_count, reply_count, author_id, language, text_hash, split,
        author_tweets, author_settled, author_viral, author_log_likes,
        array_position(:batches, batch_id) - 1 AS batch
    FROM told
    WHERE batch_id = ANY(:batches) AND split = ANY(:splits) AND is_mature
    ORDER BY posted_at, external_id
    """  # noqa: S608  (_KNOWN is a constant)
)

_ASKED = text(
    f"""
    SELECT history.*
    FROM unnest(CAST(:usernames AS text[]), CAST(:times AS timestamptz[])) WITH ORDINALITY AS asked(username, at, place)
    CROSS JOIN LATERAL (
        SELECT
            count(*) AS author_tweets,
            count(*) FILTER (WHERE settled) AS author_settled,
            count(*) FILTER (WHERE settled AND like_count > :threshold) AS author_viral,
            coalesce(sum(ln(1 + like_count)) FILTER (WHERE settled), 0) AS author_log_likes
        FROM (
            SELECT like_count, posted_at <= asked.at - CAST(:settle AS interval) AND {_KNOWN} AS settled
            FROM tweets
            WHERE source = :source AND posted_at < asked.at AND author_id = (
                SELECT author_id FROM tweets
                WHERE source = :source AND lower(username) = lower(asked.username)
                ORDER BY posted_at DESC LIMIT 1
            )
        ) AS past
    ) AS history
    ORDER BY asked.place
    """  # noqa: S608  (_KNOWN is a constant)
)


def labelled_parameters(threshold: int, min_age: timedelta) -> dict[str, Any]:
    """What the queries here need to know of labels."""
    settle = max(min_age, INSTANT)
    return {"threshold": threshold, "min_age": min_age, "settle": settle, "instant": INSTANT}


def history_of(row: RowMapping | Any) -> AuthorHistory:
    """The author's columns of a row of either query."""
    return AuthorHistory(row.author_tweets, row.author_settled, row.author_viral, float(row.author_log_likes))


def author_histories(
    session: Session,
    source: str,
    asked: Sequence[tuple[str, datetime]],
    likes_threshold: int,
    min_age: timedelta,
) -> list[AuthorHistory]:
    """Of each (username, time) asked for, in that order; zeros for a username nobody has seen."""
    parameters = labelled_parameters(likes_threshold, min_age)
    del parameters["instant"]
    usernames, times = [name.lstrip("@") for name, _ in asked], [at for _, at in asked]
    rows = session.execute(_ASKED, {**parameters, "source": source, "usernames": usernames, "times": times})
    return [history_of(row) for row in rows]
