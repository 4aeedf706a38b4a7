"""Tweets lie in one partition a month

Copies the tweets once, so for the time of it the disk must hold them twice.
"""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_COLUMNS = "INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING COMMENTS"


def upgrade() -> None:
    op.rename_table("tweets", "tweets_whole")
    op.execute(f"CREATE TABLE tweets (LIKE tweets_whole {_COLUMNS}) PARTITION BY RANGE (posted_at)")
    months = [_month(first) for first in op.get_bind().scalars(sa.text(_MONTHS))]
    for name, since, until in months:
        op.execute(f"CREATE TABLE {name} PARTITION OF tweets FOR VALUES FROM ('{since}') TO ('{until}')")
    op.execute("INSERT INTO tweets SELECT * FROM tweets_whole")
    op.drop_table("tweets_whole")
    for name, _, _ in months:
        op.create_primary_key(f"{name}_pkey", name, ["source", "external_id"])
    _create_indexes(["like_count", "counts_observed_at"])
    op.create_index(
        "tweets_young",
        "tweets",
        ["source", "posted_at"],
        postgresql_where=sa.text("counts_observed_at - posted_at < interval '24 hours'"),
    )


def downgrade() -> None:
    op.execute(f"CREATE TABLE tweets_whole (LIKE tweets {_COLUMNS})")
    op.execute("INSERT INTO tweets_whole SELECT * FROM tweets")
    op.drop_table("tweets")
    op.rename_table("tweets_whole", "tweets")
    op.create_primary_key("tweets_pkey", "tweets", ["source", "external_id"])
    op.create_foreign_key("tweets_batch_id_fkey", "tweets", "batches", ["batch_id"], ["id"])
    _create_indexes([])


_MONTHS = "SELECT DISTINCT date_trunc('month', posted_at AT TIME ZONE 'UTC') FROM tweets_whole ORDER BY 1"


def _month(first: datetime) -> tuple[str, str, str]:
    """Its partition's name, its first moment, and that of the month after."""
    year, number = first.year, first.month
    following = (year + 1, 1) if number == 12 else (year, number + 1)
    since, until = (f"{y:04}-{m:02}-01 00:00:00+00" for y, m in ((year, number), following))
    return f"tweets_{year:04}_{number:02}", since, until


def _create_indexes(include: list[str]) -> None:
    """With all that a history is made of, the rows themselves are not read for it."""
    of_author = ["source", "author_id", "posted_at"]
    op.create_index("tweets_of_author", "tweets", of_author, postgresql_include=include)
    op.create_index(
        "tweets_of_username", "tweets", ["source", sa.literal_column("lower(username)"), "posted_at"]
    )
    op.create_index("tweets_near_copies", "tweets", ["batch_id", "near_hash"])
