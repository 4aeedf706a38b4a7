"""Make the tables, and the function that looks authors up."""

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
        sa.Column(
            "drift",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=True,
            comment="PSI by feature against the batch before; null: not compared",
        ),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("batches_in_time_order", "batches", ["source", "window_to"])
    op.create_index("batches_one_per_window", "batches", ["source", "query", "window_from"], unique=True)
    op.create_table(
        "forgotten",
        sa.Column("source", sa.String(), nullable=False, comment="empty: of every source"),
        sa.Column(
            "digest", sa.LargeBinary(), nullable=False, comment="SHA-256 of the kind of identity and itself"
        ),
        sa.Column(
            "forgotten_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False
        ),
        sa.PrimaryKeyConstraint("source", "digest"),
    )
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
        sa.CheckConstraint("state IN ('pending', 'running', 'done', 'dead-lettered')", name="inbox_state"),
        sa.PrimaryKeyConstraint("service", "event_id"),
    )
    op.create_index(
        "inbox_open",
        "inbox",
        ["service", "due_at"],
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
        "outbox_unpublished", "outbox", ["service", "seq"], postgresql_where=sa.text("published_at IS NULL")
    )
    op.create_table(
        "predictions",
        sa.Column("seq", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column(
            "predicted_at", sa.DateTime(timezone=True), nullable=False, comment="the minute it was made in"
        ),
        sa.Column("model_version", sa.BigInteger(), nullable=False),
        sa.Column("probability", sa.Double(), nullable=False),
        sa.Column(
            "features",
            postgresql.JSONB(astext_type=sa.Text()),
            nullable=False,
            comment="by name, without those that are not known",
        ),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("predictions_in_time_order", "predictions", ["predicted_at"])
    op.create_index("predictions_of_version", "predictions", ["model_version", "predicted_at"])
    op.create_table(
        "spending",
        sa.Column("source", sa.String(), nullable=False),
        sa.Column("month", sa.Date(), nullable=False, comment="its first day, UTC"),
        sa.Column("usd", sa.Numeric(precision=12, scale=4), server_default="0", nullable=False),
        sa.PrimaryKeyConstraint("source", "month"),
    )
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
    op.create_index(op.f("ix_stream_engagements_post_key"), "stream_engagements", ["post_key"])
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
            "like_count", sa.BigInteger(), nullable=True, comment="at the minimum age; null: still counting"
        ),
        sa.Column("retweet_count", sa.BigInteger(), nullable=True),
        sa.Column("reply_count", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("source", "external_id"),
        sa.UniqueConstraint("post_key"),
    )
    op.create_index(
        "stream_posts_counting",
        "stream_posts",
        ["source", "posted_at"],
        postgresql_where=sa.text("like_count IS NULL"),
    )
    op.create_index("stream_posts_in_time_order", "stream_posts", ["source", "posted_at"])
    op.create_index("stream_posts_of_author", "stream_posts", ["source", "author_id"])
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
        sa.Column("near_hash", sa.BigInteger(), nullable=False, comment="equal for near-copies"),
        sa.Column("split", sa.String(), nullable=False, comment="a function of text_hash"),
        sa.CheckConstraint("split IN ('train', 'validation', 'test')", name="tweets_split"),
        postgresql_partition_by="RANGE (posted_at)",
    )
    op.create_index("tweets_near_copies", "tweets", ["batch_id", "near_hash"])
    op.create_index(
        "tweets_of_author",
        "tweets",
        ["source", "author_id", "posted_at"],
        postgresql_include=["like_count", "counts_observed_at"],
    )
    op.create_index(
        "tweets_of_username", "tweets", ["source", sa.literal_column("lower(username)"), "posted_at"]
    )
    op.create_index(
        "tweets_young",
        "tweets",
        ["source", "posted_at"],
        postgresql_where=sa.text("counts_observed_at - posted_at < interval '24 hours'"),
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
    op.create_index(op.f("ix_trainings_batch_id"), "trainings", ["batch_id"])
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
        sa.Column(
            "precision", sa.String(), nullable=True, comment="to serve the challenger in; null: not scored"
        ),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.CheckConstraint(
            "outcome IN ('promoted', 'kept', 'untrainable', 'unscorable', 'failed')", name="verdicts_outcome"
        ),
        sa.CheckConstraint("precision IN ('fp32', 'int8')", name="verdicts_precision"),
        sa.ForeignKeyConstraint(
            ["batch_id"],
            ["batches.id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index(op.f("ix_verdicts_batch_id"), "verdicts", ["batch_id"])
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
        sa.Column(
            "precision",
            sa.String(),
            server_default="fp32",
            nullable=False,
            comment="which of its graphs serves",
        ),
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
        sa.CheckConstraint("precision IN ('fp32', 'int8')", name="promotions_precision"),
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
    op.execute(_AUTHOR_HISTORIES)


def downgrade() -> None:
    op.execute("DROP FUNCTION author_histories (text, text[], timestamptz[], bigint, interval, interval)")
    for table in (
        "promotions",
        "verdicts",
        "trainings",
        "batch_intervals",
        "tweets",
        "stream_posts",
        "stream_engagements",
        "stream_cursors",
        "spending",
        "predictions",
        "outbox",
        "inbox",
        "forgotten",
        "batches",
    ):
        op.drop_table(table)


# Over dozens of months, planning a query takes longer than running it: a function keeps its plan for as long as a
# connection lives. What it counts is what `stores/authors.py` counts for training.
# A plan made for the first values asked for is as good for any others.
_AUTHOR_HISTORIES = """
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
