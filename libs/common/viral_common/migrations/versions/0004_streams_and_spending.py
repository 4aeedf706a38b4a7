"""Posts heard on a stream while their likes are counted, and what paid sources cost"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stream_cursors",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column(
            "cursor_us",
            sa.BigInteger(),
            nullable=False,
            comment="microseconds since 1970 of the newest event stored",
        ),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "stream_posts",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("post_key", sa.BigInteger(), nullable=False, comment="hash of (source, external_id)"),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author_id", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column(
            "text", sa.String(), nullable=False, comment="empty where the filters leave the post out anyway"
        ),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("photos_count", sa.BigInteger(), nullable=False),
        sa.Column("has_video", sa.Boolean(), nullable=False),
        sa.Column("is_quote", sa.Boolean(), nullable=False),
        sa.Column("is_reply", sa.Boolean(), nullable=False),
        sa.Column(
            "like_count",
            sa.BigInteger(),
            nullable=True,
            comment="at the minimum age; null: still counting",
        ),
        sa.Column("retweet_count", sa.BigInteger(), nullable=True),
        sa.Column("reply_count", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "external_id"),
        sa.UniqueConstraint("post_key"),
    )
    op.create_index("stream_posts_in_time_order", "stream_posts", ["source", "posted_at"])
    op.create_index("stream_posts_of_author", "stream_posts", ["source", "author_id"])
    op.create_index(
        "stream_posts_counting",
        "stream_posts",
        ["source", "posted_at"],
        postgresql_where=sa.text("like_count IS NULL"),
    )
    op.create_table(
        "stream_engagements",
        sa.Column(
            "event_key",
            sa.BigInteger(),
            autoincrement=False,
            nullable=False,
            comment="hash of (source, record)",
        ),
        sa.Column("post_key", sa.BigInteger(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.CheckConstraint("kind IN ('like', 'repost', 'reply')", name="stream_engagements_kind"),
        sa.PrimaryKeyConstraint("event_key"),
    )
    op.create_index("ix_stream_engagements_post_key", "stream_engagements", ["post_key"])
    op.create_table(
        "spending",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False, comment="its first day, UTC"),
        sa.Column("usd", sa.Numeric(12, 4), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("source", "month"),
    )


def downgrade() -> None:
    for table in ("spending", "stream_engagements", "stream_posts", "stream_cursors"):
        op.drop_table(table)
