"""Make the tables, and the function that looks authors up."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME, JSON = sa.DateTime(timezone=True), JSONB()
NOW, CLOCK, EMPTY = sa.text("now()"), sa.text("clock_timestamp()"), sa.text("'{}'")


def require(name: str, *parts: Any, **more: Any) -> sa.Column[Any]:
    """Define a column that is never null."""
    return sa.Column(name, *parts, nullable=False, **more)


def upgrade() -> None:
    op.create_table(
        "batches",
        require("id", sa.Uuid),
        require("source", sa.String),
        require("query", sa.String),
        require("window_from", TIME),
        require("window_to", TIME),
        require("target", sa.BigInteger, comment="tweets to keep"),
        require("started_at", TIME, server_default=NOW),
        sa.Column("collected_at", TIME, comment="set together with its event"),
        require("tweet_count", sa.BigInteger, server_default="0"),
        require("train_count", sa.BigInteger, server_default="0"),
        require("validation_count", sa.BigInteger, server_default="0"),
        require("test_count", sa.BigInteger, server_default="0"),
        sa.Column("viral_rate", sa.Double),
        require("filtered", JSON, server_default=EMPTY, comment="tweets left out, by reason"),
        sa.Column("drift", JSON, comment="PSI by feature against the batch before; null: not compared"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("batches_in_time_order", "batches", ["source", "window_to"])
    op.create_index("batches_one_per_window", "batches", ["source", "query", "window_from"], unique=True)
    op.create_table(
        "forgotten",
        require("source", sa.String, comment="empty: of every source"),
        require("digest", sa.LargeBinary, comment="HMAC-SHA256 of the kind of identity and itself"),
        require("forgotten_at", TIME, server_default=NOW),
        sa.PrimaryKeyConstraint("source", "digest"),
    )
    op.create_table(
        "inbox",
        require("service", sa.String),
        require("event_id", sa.Uuid),
        require("type", sa.String),
        require("batch_id", sa.Uuid),
        require("body", sa.LargeBinary, comment="as received"),
        require("state", sa.String, server_default="pending"),
        require("received_at", TIME, server_default=CLOCK),
        require("due_at", TIME, server_default=CLOCK),
        require("claims", sa.SmallInteger, server_default="0", comment="times a worker took it"),
        require("failures", sa.SmallInteger, server_default="0", comment="times its handler raised"),
        sa.Column("lease_owner", sa.String),
        sa.Column("lease_until", TIME),
        sa.Column("last_error", sa.String),
        sa.Column("finished_at", TIME),
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
        require("seq", sa.BigInteger, sa.Identity(always=False)),
        require("message_id", sa.String, comment="event id, or dead-letter:<service>:<id>"),
        require("service", sa.String, comment="whose relay publishes it"),
        require("exchange", sa.String),
        require("routing_key", sa.String),
        require("headers", JSON, server_default=EMPTY),
        require("body", sa.LargeBinary),
        require("created_at", TIME, server_default=CLOCK),
        sa.Column("published_at", TIME),
        sa.PrimaryKeyConstraint("seq"),
        sa.UniqueConstraint("message_id"),
    )
    op.create_index(
        "outbox_unpublished", "outbox", ["service", "seq"], postgresql_where=sa.text("published_at IS NULL")
    )
    op.create_table(
        "predictions",
        require("seq", sa.BigInteger, sa.Identity(always=False)),
        require("predicted_at", TIME, comment="the minute it was made in"),
        require("model_version", sa.BigInteger),
        require("probability", sa.Double),
        require("features", JSON, comment="by name, without those that are not known"),
        sa.PrimaryKeyConstraint("seq"),
    )
    op.create_index("predictions_in_time_order", "predictions", ["predicted_at"])
    op.create_index("predictions_of_version", "predictions", ["model_version", "predicted_at"])
    op.create_table(
        "spending",
        require("source", sa.String),
        require("month", sa.Date(), comment="its first day, UTC"),
        require("usd", sa.Numeric(precision=12, scale=4), server_default="0"),
        sa.PrimaryKeyConstraint("source", "month"),
    )
    op.create_table(
        "stream_cursors",
        require("source", sa.String),
        require("cursor_us", sa.BigInteger, comment="microseconds since 1970 of the newest event stored"),
        sa.PrimaryKeyConstraint("source"),
    )
    op.create_table(
        "stream_engagements",
        require("event_key", sa.BigInteger, autoincrement=False, comment="hash of (source, record)"),
        require("post_key", sa.BigInteger),
        require("kind", sa.String),
        require("at", TIME),
        require("deleted", sa.Boolean, server_default=sa.text("false")),
        sa.CheckConstraint("kind IN ('like', 'repost', 'reply')", name="stream_engagements_kind"),
        sa.PrimaryKeyConstraint("event_key"),
    )
    op.create_index(op.f("ix_stream_engagements_post_key"), "stream_engagements", ["post_key"])
    op.create_table(
        "stream_posts",
        require("source", sa.String),
        require("external_id", sa.String),
        require("post_key", sa.BigInteger, comment="hash of (source, external_id)"),
        require("posted_at", TIME),
        require("author_id", sa.String),
        require("username", sa.String),
        require("text", sa.String, comment="empty where the filters leave the post out anyway"),
        require("language", sa.String),
        require("photos_count", sa.BigInteger),
        require("has_video", sa.Boolean),
        require("is_quote", sa.Boolean),
        require("is_reply", sa.Boolean),
        sa.Column("like_count", sa.BigInteger, comment="at the minimum age; null: still counting"),
        sa.Column("retweet_count", sa.BigInteger),
        sa.Column("reply_count", sa.BigInteger),
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
        require("source", sa.String),
        require("external_id", sa.String),
        require("batch_id", sa.Uuid),
        require("posted_at", TIME),
        require("author_id", sa.String),
        require("username", sa.String),
        require("text", sa.String),
        require("language", sa.String),
        require("like_count", sa.BigInteger),
        require("retweet_count", sa.BigInteger),
        require("reply_count", sa.BigInteger),
        require("photos_count", sa.BigInteger),
        require("has_video", sa.Boolean),
        require("hashtags_count", sa.BigInteger),
        require("mentions_count", sa.BigInteger),
        require("urls_count", sa.BigInteger),
        require("word_count", sa.BigInteger),
        require("is_quote", sa.Boolean),
        sa.Column("counts_observed_at", TIME, comment="null: unknown, counts as old enough"),
        require("text_hash", sa.BigInteger, comment="of the normalised text; equal for copies"),
        require("near_hash", sa.BigInteger, comment="equal for near-copies"),
        require("split", sa.String, comment="a function of text_hash"),
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
        require("batch_id", sa.Uuid),
        require("position", sa.BigInteger, comment="the random order of fetching"),
        require("since", TIME),
        require("until", TIME),
        sa.Column("stored_at", TIME),
        require("kept", sa.BigInteger, server_default="0"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch_id", "position"),
    )
    op.create_table(
        "trainings",
        require("event_id", sa.Uuid, comment="of the batch.collected event"),
        require("batch_id", sa.Uuid),
        require("model_version", sa.BigInteger),
        require("mlflow_run_id", sa.String),
        require("artifact_uri", sa.String),
        require("artifact_sha256", sa.String),
        require("metrics", JSON),
        require("started_at", TIME),
        require("trained_at", TIME, server_default=NOW),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
        sa.PrimaryKeyConstraint("event_id"),
        sa.UniqueConstraint("model_version"),
    )
    op.create_index(op.f("ix_trainings_batch_id"), "trainings", ["batch_id"])
    op.create_table(
        "verdicts",
        require("id", sa.Uuid),
        require("event_id", sa.Uuid, comment="of the event that asked for it"),
        require("batch_id", sa.Uuid),
        require("outcome", sa.String),
        sa.Column("challenger_version", sa.BigInteger),
        sa.Column("champion_version", sa.BigInteger),
        require("test_count", sa.BigInteger, server_default="0"),
        require("challenger_metrics", JSON, server_default=EMPTY),
        require("champion_metrics", JSON, server_default=EMPTY),
        sa.Column("interval_low", sa.Double, comment="challenger minus champion, the rule's metric"),
        sa.Column("interval_high", sa.Double),
        sa.Column("confidence", sa.Double),
        require("rule", sa.String, comment="the test that decided, by name"),
        require("reason", sa.String, comment="one sentence for people"),
        sa.Column("precision", sa.String, comment="to serve the challenger in; null: not scored"),
        require("created_at", TIME, server_default=NOW),
        sa.CheckConstraint(
            "outcome IN ('promoted', 'kept', 'untrainable', 'unscorable', 'failed')", name="verdicts_outcome"
        ),
        sa.CheckConstraint("precision IN ('fp32', 'int8')", name="verdicts_precision"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("event_id"),
    )
    op.create_index(op.f("ix_verdicts_batch_id"), "verdicts", ["batch_id"])
    op.create_table(
        "promotions",
        require("seq", sa.BigInteger, sa.Identity(always=False)),
        require("event_id", sa.Uuid, comment="of the model.promoted event"),
        require("batch_id", sa.Uuid),
        require("model_version", sa.BigInteger),
        sa.Column("previous_version", sa.BigInteger),
        require("mlflow_run_id", sa.String),
        require("artifact_uri", sa.String),
        require("artifact_sha256", sa.String),
        require("precision", sa.String, server_default="fp32", comment="which of its graphs serves"),
        sa.Column("verdict_id", sa.Uuid),
        require("reason", sa.String),
        require("note", sa.String, server_default="", comment="why, when promoted by hand"),
        require("metrics", JSON),
        require("promoted_at", TIME, server_default=CLOCK),
        sa.CheckConstraint("precision IN ('fp32', 'int8')", name="promotions_precision"),
        sa.CheckConstraint("reason IN ('first', 'better', 'manual')", name="promotions_reason"),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"]),
        sa.ForeignKeyConstraint(["verdict_id"], ["verdicts.id"]),
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
