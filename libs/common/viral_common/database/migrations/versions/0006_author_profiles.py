"""Keep authors' profiles, find them with their histories, and drop them with the months they were read in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

COUNTS = ("followers", "following", "posts", "favourites", "listed")
TIME = sa.DateTime(timezone=True)
ASKED = "(text, text[], timestamptz[], bigint, interval, interval)"


def upgrade() -> None:
    op.create_table(
        "author_profiles",
        sa.Column("source", sa.String, primary_key=True),
        sa.Column("author_id", sa.String, primary_key=True),
        sa.Column("day", sa.Date, primary_key=True, comment="of read_at, UTC"),
        sa.Column(
            "read_at", TIME, nullable=False, comment="if unknown: the time of the tweet's counts, or its own"
        ),
        *(sa.Column(name, sa.BigInteger) for name in COUNTS),
        sa.Column("verified", sa.Boolean),
        sa.Column("created_at", TIME, comment="of the account"),
    )
    op.execute(f"DROP FUNCTION author_histories {ASKED}")
    op.execute(_FIND_AUTHORS.format(owners_rights=_name_owners_rights()))
    op.execute(f"REVOKE ALL ON FUNCTION find_authors {ASKED} FROM PUBLIC")
    _define_drop(_DROP_PROFILES)


def downgrade() -> None:
    _define_drop("")
    op.execute(f"DROP FUNCTION find_authors {ASKED}")
    op.execute(_load_step("0001")._AUTHOR_HISTORIES)
    op.execute(f"ALTER FUNCTION author_histories {ASKED} {_name_owners_rights()}")
    op.drop_table("author_profiles")


def _define_drop(also: str) -> None:
    """Define anew what step 0005 defined, with what is to be done once a month is gone."""
    drop = _load_step("0005")._DROP_MONTH.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    drop = drop.replace("RETURN true;", f"{also} RETURN true;")
    op.execute(drop.format(owners_rights=_name_owners_rights()))


def _name_owners_rights() -> str:
    """Name them for a function, and the only schema it looks in, so that nobody's own tables stand in for ours."""
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    return f"SECURITY DEFINER SET search_path = {schema}, pg_temp"


def _load_step(revision: str) -> Any:
    script: Any = op.get_context().script
    return script.get_revision(revision).module


# Over dozens of months, planning a query takes longer than running it: a function keeps its plan for as long as a
# connection lives. What it counts and finds is what `stores/authors.py` does for training.
# A plan made for the first values asked for is as good for any others.
_FIND_AUTHORS = """
    CREATE FUNCTION find_authors (
        of_source text, usernames text[], times timestamptz[], threshold bigint, min_age interval, settle interval
    )
    RETURNS TABLE (
        author_tweets bigint, author_settled bigint, author_viral bigint, author_log_likes float8,
        followers bigint, following bigint, posts bigint, favourites bigint, listed bigint, verified boolean,
        created_at timestamptz, read_at timestamptz
    )
    LANGUAGE plpgsql STABLE {owners_rights} SET plan_cache_mode = force_generic_plan SET jit = off
    AS $$
    BEGIN
        RETURN QUERY
        SELECT history.*, profile.*
        FROM unnest(usernames, times) WITH ORDINALITY AS asked (username, at, place)
        LEFT JOIN LATERAL (
            SELECT named.author_id FROM tweets named
            WHERE named.source = of_source AND lower(named.username) = lower(asked.username)
            ORDER BY named.posted_at DESC LIMIT 1
        ) AS author ON true
        CROSS JOIN LATERAL (
            SELECT
                count(*),
                count(*) FILTER (WHERE past.settled),
                count(*) FILTER (WHERE past.settled AND past.like_count > threshold),
                coalesce(sum(ln(1 + past.like_count)) FILTER (WHERE past.settled), 0)
            FROM (
                SELECT t.like_count, t.posted_at <= asked.at - settle
                    AND (t.counts_observed_at IS NULL OR t.counts_observed_at - t.posted_at >= min_age) AS settled
                FROM tweets t
                WHERE t.source = of_source AND t.posted_at < asked.at AND t.author_id = author.author_id
            ) AS past
        ) AS history
        LEFT JOIN LATERAL (
            SELECT p.followers, p.following, p.posts, p.favourites, p.listed, p.verified, p.created_at, p.read_at
            FROM author_profiles p
            WHERE p.source = of_source AND p.author_id = author.author_id
                AND p.day <= (asked.at AT TIME ZONE 'UTC')::date AND p.read_at <= asked.at
            ORDER BY p.day DESC LIMIT 1
        ) AS profile ON true
        ORDER BY asked.place;
    END $$
"""

# Also those read in a month of which there are no tweets.
_DROP_PROFILES = """
    DELETE FROM author_profiles
    WHERE day < date_trunc('month', before AT TIME ZONE 'UTC')
        AND to_regclass(to_char(day, '"tweets_"YYYY_MM')) IS NULL;
"""
