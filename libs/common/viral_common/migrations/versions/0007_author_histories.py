"""Authors are looked up by a function: over dozens of months planning a query takes longer than running it

A function keeps its plan for as long as a connection lives. What it counts is what `authors.py` counts for training.
"""

from __future__ import annotations

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_SIGNATURE = "author_histories (text, text[], timestamptz[], bigint, interval, interval)"


def upgrade() -> None:
    op.execute(_FUNCTION)


def downgrade() -> None:
    op.execute(f"DROP FUNCTION {_SIGNATURE}")


# A plan made for the first values asked for is as good for any others.
_FUNCTION = """
    CREATE FUNCTION author_histories (
        of_source text, usernames text[], times timestamptz[], threshold bigint, min_age interval, settle interval
    )
    RETURNS TABLE (author_tweets bigint, author_settled bigint, author_viral bigint, author_log_likes float8)
    LANGUAGE plpgsql STABLE SET plan_cache_mode = force_generic_plan SET jit = off
    AS $$
    BEGIN
        RETURN QUERY
        SELECT history.*
        FROM unnest(usernames, times) WITH ORDINALITY AS asked (username, at, place)
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
                WHERE t.source = of_source AND t.posted_at < asked.at AND t.author_id = (
                    SELECT named.author_id FROM tweets named
                    WHERE named.source = of_source AND lower(named.username) = lower(asked.username)
                    ORDER BY named.posted_at DESC LIMIT 1
                )
            ) AS past
        ) AS history
        ORDER BY asked.place;
    END $$
"""
