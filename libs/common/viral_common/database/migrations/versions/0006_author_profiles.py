"""Keep authors' profiles, find them with their histories, and drop them with the months they were read in."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ASKED = "(text, text[], timestamptz[], bigint, interval, interval)"
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "author_profiles",
        sa.Column("source", sa.String, nullable=False),
        sa.Column("author_id", sa.String, nullable=False),
        sa.Column("day", sa.Date, nullable=False, comment="of read_at, UTC"),
        sa.Column(
            "read_at",
            TIME,
            nullable=False,
            comment="with the tweet's counts, or else its posted_at, where the source does not say",
        ),
        *(
            sa.Column(name, sa.BigInteger)
            for name in ("followers", "following", "posts", "favourites", "listed")
        ),
        sa.Column("verified", sa.Boolean),
        sa.Column("created_at", TIME, comment="of the account"),
        sa.PrimaryKeyConstraint("source", "author_id", "day"),
    )
    op.execute(f"DROP FUNCTION author_histories {ASKED}")
    for function in (_FIND_AUTHORS, _DROP_MONTH):
        op.execute(function.format(owners_rights=_name_owners_rights()))
    op.execute(f"REVOKE ALL ON FUNCTION find_authors {ASKED} FROM PUBLIC")


def downgrade() -> None:
    op.execute(f"DROP FUNCTION find_authors {ASKED}")
    op.execute(_load("0001")._AUTHOR_HISTORIES)
    op.execute(f"ALTER FUNCTION author_histories {ASKED} {_name_owners_rights()}")
    op.execute("DROP FUNCTION drop_tweets_month (date, timestamptz)")
    op.execute(_load("0005")._DROP_MONTH.format(owners_rights=_name_owners_rights()))
    op.execute("REVOKE ALL ON FUNCTION drop_tweets_month (date, timestamptz) FROM PUBLIC")
    op.drop_table("author_profiles")


def _name_owners_rights() -> str:
    """Write down that nobody's own tables may stand in for ours while the owner's rights are used."""
    schema = op.get_bind().scalar(sa.text("SELECT quote_ident(current_schema())"))
    return f"SECURITY DEFINER SET search_path = {schema}, pg_temp"


def _load(step: str) -> Any:
    script: Any = op.get_context().script
    return script.get_revision(step).module


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
        SELECT
            history.*, profile.followers, profile.following, profile.posts, profile.favourites, profile.listed,
            profile.verified, profile.created_at, profile.read_at
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
            SELECT p.* FROM author_profiles p
            WHERE p.source = of_source AND p.author_id = author.author_id
                AND p.day <= (asked.at AT TIME ZONE 'UTC')::date AND p.read_at <= asked.at
            ORDER BY p.day DESC LIMIT 1
        ) AS profile ON true
        ORDER BY asked.place;
    END $$
"""

# Whatever is stored is stored before the lock, and its batch seen, or after it, in a month made anew. An archive's
# tweets may be old when they are collected: they stay as long, to be trained on. Profiles go with the month they were
# read in, be there tweets of that month or not.
_DROP_MONTH = """
    CREATE OR REPLACE FUNCTION drop_tweets_month (month date, before timestamptz) RETURNS boolean
    LANGUAGE plpgsql {owners_rights} AS $$
    DECLARE
        since timestamptz := month::timestamp AT TIME ZONE 'UTC';
        until timestamptz := (month + interval '1 month') AT TIME ZONE 'UTC';
    BEGIN
        LOCK TABLE ONLY tweets IN ACCESS EXCLUSIVE MODE;
        IF until > before OR EXISTS (
            SELECT FROM batches
            WHERE window_from < until AND window_to > since
                AND (collected_at IS NULL OR (collected_at > before AND tweet_count > 0))
        ) THEN
            RETURN false;
        END IF;
        EXECUTE format('DROP TABLE IF EXISTS %I', to_char(month, '"tweets_"YYYY_MM'));
        DELETE FROM author_profiles
        WHERE day < date_trunc('month', before AT TIME ZONE 'UTC')
            AND to_regclass(to_char(day, '"tweets_"YYYY_MM')) IS NULL;
        RETURN true;
    END $$
"""
