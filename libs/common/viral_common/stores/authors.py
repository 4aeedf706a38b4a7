"""Read what Postgres knows of authors, point-in-time: nothing that was posted or liked later counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.orm import Session

from viral_common.tweets.features import AuthorHistory, KnownAuthor, TweetInput
from viral_common.tweets.label_rule import INSTANT, LabelRule
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import Split

ROWS_AT_ONCE = 10_000
# Rows of some batches fit; and compiling a statement over dozens of months costs more than running it.
_FOR_MANY_ROWS = text("SELECT set_config('work_mem', '64MB', true), set_config('jit', 'off', true)")
# Postgres takes tweets that agree in author and time for rare, and would look for each one's history in all of them.
_EACH_ONCE = text("SET LOCAL enable_nestloop = off")

_KNOWN = "(counts_observed_at IS NULL OR counts_observed_at - posted_at >= :min_age)"
_ASKED_FOR = "batch_id = ANY(:batches) AND split = ANY(:splits)"
# In the order of AuthorProfile's fields; all null where no profile is found.
_PROFILE = ", ".join(f"profile.{one.name}" for one in fields(AuthorProfile))
_AUTHORS = f"(SELECT DISTINCT author_id FROM tweets WHERE {_ASKED_FOR}) AS authors"  # noqa: S608  (a constant)

# When the tweets asked for were posted: all else is read for these times alone, so in few months.
BOUNDS = text(
    f"SELECT source, min(posted_at) AS first, max(posted_at) AS last FROM tweets WHERE {_ASKED_FOR} GROUP BY source"  # noqa: S608
)

# What was settled of their authors before the first of them: a row for each author, however many tweets it is made of.
# A table, for what is read through a cursor Postgres works on with one process only.
SETTLED = text(
    f"""
    CREATE TEMPORARY TABLE settled ON COMMIT DROP AS
    SELECT
        author_id,
        count(*) AS tweets,
        count(likes) AS settled,
        count(*) FILTER (WHERE likes > :threshold) AS viral,
        coalesce(sum(ln(1 + likes)), 0) AS log_likes
    FROM (
        SELECT author_id, CASE WHEN {_KNOWN} THEN like_count END AS likes
        FROM tweets JOIN {_AUTHORS} USING (author_id)
        WHERE source = :source AND posted_at <= CAST(:first AS timestamptz) - :settle
    ) AS past
    GROUP BY author_id
    """  # noqa: S608  (constants)
)

# The tweets whose label is mature. What came of their authors since is counted among narrow rows, for a window function
# would carry the texts along. Nor does a profile count that was read after the likes were. The columns are those of
# TweetInput, of AuthorHistory, of AuthorProfile, then others.
LABELLED = text(
    f"""
    WITH recent AS (
        SELECT DISTINCT
            author_id, posted_at,
            count(*) OVER earlier AS tweets,
            count(*) FILTER (WHERE {_KNOWN}) OVER settled AS settled,
            count(*) FILTER (WHERE {_KNOWN} AND like_count > :threshold) OVER settled AS viral,
            coalesce(sum(ln(1 + like_count)) FILTER (WHERE {_KNOWN}) OVER settled, 0) AS log_likes
        FROM tweets JOIN {_AUTHORS} USING (author_id)
        WHERE source = :source AND posted_at > CAST(:first AS timestamptz) - :settle AND posted_at <= :last
        WINDOW
            author AS (PARTITION BY author_id ORDER BY posted_at),
            earlier AS (author RANGE BETWEEN UNBOUNDED PRECEDING AND :instant PRECEDING),
            settled AS (author RANGE BETWEEN UNBOUNDED PRECEDING AND :settle PRECEDING)
    )
    SELECT
        text, posted_at, photos_count, has_video, is_quote, username,
        recent.tweets + coalesce(settled.tweets, 0), recent.settled + coalesce(settled.settled, 0),
        recent.viral + coalesce(settled.viral, 0), recent.log_likes + coalesce(settled.log_likes, 0),
        {_PROFILE},
        like_count, retweet_count, reply_count, author_id, language, text_hash, split,
        array_position(:batches, batch_id) - 1 AS batch
    FROM tweets JOIN recent USING (author_id, posted_at) LEFT JOIN settled USING (author_id)
        LEFT JOIN LATERAL (
            SELECT {_PROFILE} FROM author_profiles AS profile
            WHERE source = :source AND profile.author_id = tweets.author_id
                AND day <= CAST(coalesce(counts_observed_at, posted_at) AT TIME ZONE 'UTC' AS date)
                AND read_at <= coalesce(counts_observed_at, posted_at)
            ORDER BY day DESC LIMIT 1
        ) AS profile ON true
    WHERE source = :source AND {_ASKED_FOR} AND {_KNOWN} AND posted_at BETWEEN :first AND :last
    ORDER BY posted_at, external_id
    """  # noqa: S608  (constants)
)

# A function of the database, whose plan each connection keeps: planning a query over dozens of months takes longer than
# running it.
_ASKED = text("SELECT * FROM find_authors(:source, :usernames, :times, :threshold, :min_age, :settle)")


def read_labelled_rows(
    session: Session,
    batches: Sequence[UUID],
    splits: Sequence[Split],
    rule: LabelRule,
) -> Iterator[Row[Any]]:
    """Yield rows of LABELLED in their order, all of one source; the session must have done nothing yet."""
    connection = session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
    connection.execute(_FOR_MANY_ROWS)
    asked = {"batches": list(batches), "splits": list(splits), **_build_parameters(rule), "instant": INSTANT}
    bounds = connection.execute(BOUNDS, asked).one_or_none()
    if bounds is not None:
        asked |= bounds._mapping
        connection.execute(SETTLED, asked)
        connection.execute(_EACH_ONCE)
        yield from connection.execute(LABELLED, asked, execution_options={"yield_per": ROWS_AT_ONCE})


def build_input(row: Row[Any]) -> TweetInput:
    """Build what a prediction looks at from a row of LABELLED."""
    typed, at, photos, video, quote, username, *author = list(row)[:18]
    return TweetInput(typed, at, photos, video, quote, username, *_build_author(author))


def _build_author(values: Sequence[Any]) -> KnownAuthor:
    """Build it from the columns of AuthorHistory and those of AuthorProfile, of which `read_at` is the last."""
    history, profile = values[:4], values[4:]
    return KnownAuthor(AuthorHistory(*history), AuthorProfile(*profile) if profile[-1] else None)


def _build_parameters(rule: LabelRule) -> dict[str, Any]:
    return {"threshold": rule.threshold, "min_age": rule.min_age, "settle": rule.settle}


def find_authors(
    session: Session,
    source: str,
    asked: Sequence[tuple[str, datetime]],
    rule: LabelRule,
) -> list[KnownAuthor]:
    """Find what was known of each (username, time), in that order: its history, and its newest profile read by then."""
    usernames, times = [name.lstrip("@") for name, _ in asked], [at for _, at in asked]
    rows = session.execute(
        _ASKED, {**_build_parameters(rule), "source": source, "usernames": usernames, "times": times}
    )
    return [_build_author(row) for row in rows]
