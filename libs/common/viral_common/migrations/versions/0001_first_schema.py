"""Batches, tweets, delivery, trainings, verdicts, promotions"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("query", sa.String(), nullable=False),
        sa.Column("window_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("window_to", sa.DateTime(timezone=True), nullable=False),
        sa.Column("target", sa.BigInteger(), nullable=False, comment="tweets to keep"),
        sa.Column("started_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column(
            "collected_at", sa.DateTime(timezone=True), nullable=True, comment="set together with its event"
        ),
        sa.Column("tweet_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("train_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("validation_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("test_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("viral_rate", sa.Double(), nullable=True),
        sa.Column(
            "filtered",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
            comment="tweets left out, by reason",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("batches_in_time_order", "batches", ["source", "window_to"], unique=False)
    op.create_index("batches_one_per_window", "batches", ["source", "query", "window_from"], unique=True)
    op.create_table(
        "inbox",
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False),
        sa.Column("type", sa.String(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False, comment="as received"),
        sa.Column("state", sa.String(), server_default="pending", nullable=False),
        sa.Column(
            "received_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column(
            "due_at", sa.DateTime(timezone=True), server_default=sa.text("clock_timestamp()"), nullable=False
        ),
        sa.Column(
            "claims", sa.SmallInteger(), server_default="0", nullable=False, comment="times a worker took it"
        ),
        sa.Column(
            "failures",
            sa.SmallInteger(),
            server_default="0",
            nullable=False,
            comment="times its handler raised",
        ),
        sa.Column("lease_owner", sa.String(), nullable=True),
        sa.Column("lease_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_error", sa.String(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.CheckConstraint("state IN ('pending', 'running', 'done', 'dead')", name="inbox_state"),
        sa.PrimaryKeyConstraint("service", "event_id"),
    )
    op.create_index(
        "inbox_open",
        "inbox",
        ["service", "due_at"],
        unique=False,
        postgresql_where=sa.text("state IN ('pending', 'running')"),
    )
    op.create_table(
        "outbox",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "message_id", sa.String(), nullable=False, comment="event id, or dead-letter:<service>:<id>"
        ),
        sa.Column("service", sa.String(), nullable=False, comment="whose relay publishes it"),
        sa.Column("exchange", sa.String(), nullable=False),
        sa.Column("routing_key", sa.String(), nullable=False),
        sa.Column(
            "headers", postgresql.JSONB(astext_type=sa.Text()), server_default=sa.text("'{}'"), nullable=False
        ),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column(
            "created_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("message_id"),
    )
    op.create_index(
        "outbox_unpublished",
        "outbox",
        ["service", "seq"],
        unique=False,
        postgresql_where=sa.text("published_at IS NULL"),
    )
    op.create_table(
        "batch_intervals",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("position", sa.BigInteger(), nullable=False, comment="the random order of fetching"),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("kept", sa.BigInteger(), server_default="0", nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch_id", "position"),
    )
    op.create_table(
        "trainings",
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="of the batch.collected event"),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("model_version", sa.BigInteger(), nullable=False),
        sa.Column("mlflow_run_id", sa.String(), nullable=False),
        sa.Column("artifact_uri", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("trained_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.id"],
        ),
        sa.PrimaryKeyConstraint("event_id"),
        sa.UniqueConstraint("model_version"),
    )
    op.create_index(op.f("ix_trainings_batch_id"), "trainings", ["batch_id"], unique=False)
    op.create_table(
        "tweets",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("external_id", sa.String(), nullable=False),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("posted_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("author_id", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("language", sa.String(), nullable=False),
        sa.Column("like_count", sa.BigInteger(), nullable=False),
        sa.Column("retweet_count", sa.BigInteger(), nullable=False),
        sa.Column("reply_count", sa.BigInteger(), nullable=False),
        sa.Column("photos_count", sa.BigInteger(), nullable=False),
        sa.Column("has_video", sa.Boolean(), nullable=False),
        sa.Column("hashtags_count", sa.BigInteger(), nullable=False),
        sa.Column("mentions_count", sa.BigInteger(), nullable=False),
        sa.Column("urls_count", sa.BigInteger(), nullable=False),
        sa.Column("word_count", sa.BigInteger(), nullable=False),
        sa.Column("is_quote", sa.Boolean(), nullable=False),
        sa.Column(
            "counts_observed_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="null: unknown, counts as old enough",
        ),
        sa.Column(
            "text_hash", sa.BigInteger(), nullable=False, comment="of the normalised text; equal for copies"
        ),
        sa.Column("split", sa.String(), nullable=False, comment="a function of text_hash"),
        sa.CheckConstraint("split IN ('train', 'validation', 'test')", name="tweets_split"),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.id"],
        ),
        sa.PrimaryKeyConstraint("source", "external_id"),
    )
    op.create_index("tweets_copies", "tweets", ["batch_id", "text_hash"], unique=False)
    op.create_index("tweets_of_author", "tweets", ["source", "author_id", "posted_at"], unique=False)
    op.create_index("tweets_of_batch", "tweets", ["batch_id", "split"], unique=False)
    op.create_index(
        "tweets_of_username",
        "tweets",
        ["source", sa.literal_column("lower(username)"), "posted_at"],
        unique=False,
    )
    op.create_table(
        "verdicts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="of the event that asked for it"),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("outcome", sa.String(), nullable=False),
        sa.Column("challenger_version", sa.BigInteger(), nullable=True),
        sa.Column("champion_version", sa.BigInteger(), nullable=True),
        sa.Column("test_count", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column(
            "challenger_metrics",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "champion_metrics",
            postgresql.JSONB(astext_type=sa.Text()),
            server_default=sa.text("'{}'"),
            nullable=False,
        ),
        sa.Column(
            "interval_low", sa.Double(), nullable=True, comment="challenger minus champion, the rule's metric"
        ),
        sa.Column("interval_high", sa.Double(), nullable=True),
        sa.Column("confidence", sa.Double(), nullable=True),
        sa.Column("rule", sa.String(), nullable=False, comment="the test that decided, by name"),
        sa.Column("reason", sa.String(), nullable=False, comment="one sentence for people"),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('promoted', 'kept', 'untrainable', 'unscorable', 'failed')", name="verdicts_outcome"
        ),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index(op.f("ix_verdicts_batch_id"), "verdicts", ["batch_id"], unique=False)
    op.create_table(
        "promotions",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("event_id", sa.Uuid(), nullable=False, comment="of the model.promoted event"),
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("model_version", sa.BigInteger(), nullable=False),
        sa.Column("previous_version", sa.BigInteger(), nullable=True),
        sa.Column("mlflow_run_id", sa.String(), nullable=False),
        sa.Column("artifact_uri", sa.String(), nullable=False),
        sa.Column("artifact_sha256", sa.String(), nullable=False),
        sa.Column("verdict_id", sa.Uuid(), nullable=True),
        sa.Column("reason", sa.String(), nullable=False),
        sa.Column(
            "note", sa.String(), server_default="", nullable=False, comment="why, when promoted by hand"
        ),
        sa.Column("metrics", postgresql.JSONB(astext_type=sa.Text()), nullable=False),
        sa.Column(
            "promoted_at",
            sa.DateTime(timezone=True),
            server_default=sa.text("clock_timestamp()"),
            nullable=False,
        ),
        sa.CheckConstraint("reason IN ('first', 'better', 'manual')", name="promotions_reason"),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.id"],
        ),
        sa.ForeignKeyConstraint(
            ["verdict_id"],
            ["verdicts.id"],
        ),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("event_id"),
    )


def downgrade() -> None:
    op.drop_table("promotions")
    op.drop_index(op.f("ix_verdicts_batch_id"), table_name="verdicts")
    op.drop_table("verdicts")
    op.drop_index("tweets_of_batch", table_name="tweets")
    op.drop_index("tweets_of_author", table_name="tweets")
    op.drop_index("tweets_of_username", table_name="tweets")
    op.drop_index("tweets_copies", table_name="tweets")
    op.drop_table("tweets")
    op.drop_index(op.f("ix_trainings_batch_id"), table_name="trainings")
    op.drop_table("trainings")
    op.drop_table("batch_intervals")
    op.drop_index("outbox_unpublished", table_name="outbox", postgresql_where=sa.text("published_at IS NULL"))
    op.drop_table("outbox")
    op.drop_index(
        "inbox_open", table_name="inbox", postgresql_where=sa.text("state IN ('pending', 'running')")
    )
    op.drop_table("inbox")
    op.drop_index("batches_one_per_window", table_name="batches")
    op.drop_index("batches_in_time_order", table_name="batches")
    op.drop_table("batches")
