"""Define the tables. A change here needs a migration; a test compares the two."""

from __future__ import annotations

import re
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal, get_args
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    ForeignKey,
    Identity,
    Index,
    LargeBinary,
    Numeric,
    SmallInteger,
    String,
    func,
    literal_column,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from viral_common.events import Outcome, Precision, Reason
from viral_common.tweets.text import Split

InboxState = Literal["pending", "running", "done", "dead-lettered"]

# A month of tweets.
PARTITION_NAME = re.compile(r"tweets_(\d{4})_(\d{2})")


class Base(DeclarativeBase):
    """Map types: every time is aware UTC, every dictionary is JSONB, every count fits 64 bits."""

    type_annotation_map = {  # noqa: RUF012  (SQLAlchemy's own idiom)
        datetime: DateTime(timezone=True),
        dict[str, Any]: JSONB,
        dict[str, int]: JSONB,
        dict[str, float]: JSONB,
        int: BigInteger,
        bytes: LargeBinary,
        InboxState: String,
        Outcome: String,
        Precision: String,
        Reason: String,
        Split: String,
    }


class Batch(Base):
    """Hold one window of one source, collected interval by interval."""

    __tablename__ = "batches"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    source: Mapped[str]
    query: Mapped[str]
    window_from: Mapped[datetime]
    window_to: Mapped[datetime]
    target: Mapped[int] = mapped_column(comment="tweets to keep")
    started_at: Mapped[datetime] = mapped_column(server_default=func.now())
    collected_at: Mapped[datetime | None] = mapped_column(comment="set together with its event")
    tweet_count: Mapped[int] = mapped_column(server_default="0")
    train_count: Mapped[int] = mapped_column(server_default="0")
    validation_count: Mapped[int] = mapped_column(server_default="0")
    test_count: Mapped[int] = mapped_column(server_default="0")
    viral_rate: Mapped[float | None]
    filtered: Mapped[dict[str, int]] = mapped_column(
        server_default=text("'{}'"), comment="tweets left out, by reason"
    )
    history_only: Mapped[bool] = mapped_column(
        server_default="false", comment="stored for its authors' pasts alone: not announced, in no window"
    )
    drift: Mapped[dict[str, float] | None] = mapped_column(
        comment="PSI by feature against the batch before; null: not compared"
    )

    __table_args__ = (
        Index("batches_one_per_window", "source", "query", "window_from", unique=True),
        Index("batches_in_time_order", "source", "window_to"),
    )


class BatchInterval(Base):
    """Hold a piece of a batch's window: stored whole or not at all, so a killed scraper goes on at the next."""

    __tablename__ = "batch_intervals"

    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    position: Mapped[int] = mapped_column(primary_key=True, comment="the random order of fetching")
    since: Mapped[datetime]
    until: Mapped[datetime]
    stored_at: Mapped[datetime | None]
    kept: Mapped[int] = mapped_column(server_default="0")


class Tweet(Base):
    """Hold an original tweet as its author typed it, with the counts last read.

    The key is each month's own. No reference to `batches`: it would make every new month wait
    for all that write there. Batches are never deleted, and a tweet is stored under its batch's lock.
    """

    __tablename__ = "tweets"

    source: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    batch_id: Mapped[UUID]
    posted_at: Mapped[datetime]
    author_id: Mapped[str]
    username: Mapped[str]
    text: Mapped[str]
    language: Mapped[str]
    like_count: Mapped[int]
    retweet_count: Mapped[int]
    reply_count: Mapped[int]
    photos_count: Mapped[int]
    has_video: Mapped[bool]
    hashtags_count: Mapped[int]
    mentions_count: Mapped[int]
    urls_count: Mapped[int]
    word_count: Mapped[int]
    is_quote: Mapped[bool]
    counts_observed_at: Mapped[datetime | None] = mapped_column(comment="null: unknown, counts as old enough")
    text_hash: Mapped[int] = mapped_column(comment="of the normalised text; equal for copies")
    near_hash: Mapped[int] = mapped_column(comment="equal for near-copies")
    split: Mapped[Split] = mapped_column(comment="a function of text_hash")

    __table_args__ = (
        CheckConstraint(f"split IN {get_args(Split)}", name="tweets_split"),
        # With all that a history is made of: the rows themselves, texts and all, are not read for it.
        Index(
            "tweets_of_author",
            "source",
            "author_id",
            "posted_at",
            postgresql_include=["like_count", "counts_observed_at"],
        ),
        Index("tweets_of_username", "source", literal_column("lower(username)"), "posted_at"),
        Index("tweets_near_copies", "batch_id", "near_hash"),
        # Those whose likes are to be read again; with a VIRAL_MIN_AGE beyond a day all are looked through.
        Index(
            "tweets_young",
            "source",
            "posted_at",
            postgresql_where=literal_column("counts_observed_at - posted_at < interval '24 hours'"),
        ),
        {"postgresql_partition_by": "RANGE (posted_at)"},
    )


class StoredProfile(Base):
    """Hold an author's public counts as they were first read on one day; neither a name nor a description."""

    __tablename__ = "author_profiles"

    source: Mapped[str] = mapped_column(primary_key=True)
    author_id: Mapped[str] = mapped_column(primary_key=True)
    day: Mapped[date] = mapped_column(primary_key=True, comment="of read_at, UTC")
    read_at: Mapped[datetime] = mapped_column(
        comment="if unknown: the time of the tweet's counts, or its own"
    )
    followers: Mapped[int | None]
    following: Mapped[int | None]
    posts: Mapped[int | None]
    favourites: Mapped[int | None]
    listed: Mapped[int | None]
    verified: Mapped[bool | None]
    created_at: Mapped[datetime | None] = mapped_column(comment="of the account")


class Forgotten(Base):
    """Hold a tweet or an author not to be collected again: a keyed hash, so that no name is kept."""

    __tablename__ = "forgotten"

    source: Mapped[str] = mapped_column(primary_key=True, comment="empty: of every source")
    digest: Mapped[bytes] = mapped_column(
        primary_key=True, comment="HMAC-SHA256 of the kind of identity and itself"
    )
    forgotten_at: Mapped[datetime] = mapped_column(server_default=func.now())


class InboxEvent(Base):
    """Hold an event that a service took over from the broker: recorded, acknowledged, then worked on."""

    __tablename__ = "inbox"

    service: Mapped[str] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(primary_key=True)
    type: Mapped[str]
    batch_id: Mapped[UUID]
    body: Mapped[bytes] = mapped_column(comment="as received")
    state: Mapped[InboxState] = mapped_column(server_default="pending")
    received_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    due_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    claims: Mapped[int] = mapped_column(SmallInteger, server_default="0", comment="times a worker took it")
    failures: Mapped[int] = mapped_column(
        SmallInteger, server_default="0", comment="times its handler raised"
    )
    lease_owner: Mapped[str | None]
    lease_until: Mapped[datetime | None]
    last_error: Mapped[str | None]
    finished_at: Mapped[datetime | None]

    __table_args__ = (
        CheckConstraint(f"state IN {get_args(InboxState)}", name="inbox_state"),
        Index("inbox_open", "service", "due_at", postgresql_where=text("state IN ('pending', 'running')")),
    )


class OutboxMessage(Base):
    """Hold a message to publish, written in the transaction that made it true."""

    __tablename__ = "outbox"

    seq: Mapped[int] = mapped_column(Identity(), primary_key=True)
    message_id: Mapped[str] = mapped_column(unique=True, comment="event id, or dead-letter:<service>:<id>")
    service: Mapped[str] = mapped_column(comment="whose relay publishes it")
    exchange: Mapped[str]
    routing_key: Mapped[str]
    headers: Mapped[dict[str, Any]] = mapped_column(server_default=text("'{}'"))
    body: Mapped[bytes]
    created_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    published_at: Mapped[datetime | None]

    __table_args__ = (
        Index("outbox_unpublished", "service", "seq", postgresql_where=text("published_at IS NULL")),
    )


class Candidate(Base):
    """Hold what was exported for an event, before MLflow is asked to register it: a version is believed by this row."""

    __tablename__ = "candidates"

    event_id: Mapped[UUID] = mapped_column(primary_key=True, comment="of the batch.collected event")
    mlflow_run_id: Mapped[str]
    artifact_sha256: Mapped[str]
    metrics: Mapped[dict[str, float]]
    exported_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Training(Base):
    """Hold a registered model version and the event that asked for it."""

    __tablename__ = "trainings"

    event_id: Mapped[UUID] = mapped_column(primary_key=True, comment="of the batch.collected event")
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), index=True)
    model_version: Mapped[int] = mapped_column(unique=True)
    mlflow_run_id: Mapped[str]
    artifact_uri: Mapped[str]
    artifact_sha256: Mapped[str]
    metrics: Mapped[dict[str, float]]
    started_at: Mapped[datetime]
    trained_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Verdict(Base):
    """Hold what became of a batch's challenger, in figures and in words; also when there was none to score."""

    __tablename__ = "verdicts"

    id: Mapped[UUID] = mapped_column(primary_key=True)
    event_id: Mapped[UUID] = mapped_column(unique=True, comment="of the event that asked for it")
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"), index=True)
    outcome: Mapped[Outcome]
    challenger_version: Mapped[int | None]
    champion_version: Mapped[int | None]
    test_count: Mapped[int] = mapped_column(server_default="0")
    challenger_metrics: Mapped[dict[str, float]] = mapped_column(server_default=text("'{}'"))
    champion_metrics: Mapped[dict[str, float]] = mapped_column(server_default=text("'{}'"))
    interval_low: Mapped[float | None] = mapped_column(comment="challenger minus champion, the rule's metric")
    interval_high: Mapped[float | None]
    confidence: Mapped[float | None]
    rule: Mapped[str] = mapped_column(comment="the test that decided, by name")
    reason: Mapped[str] = mapped_column(comment="one sentence for people")
    precision: Mapped[Precision | None] = mapped_column(
        comment="to serve the challenger in; null: not scored"
    )
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())

    __table_args__ = (
        CheckConstraint(f"outcome IN {get_args(Outcome)}", name="verdicts_outcome"),
        CheckConstraint(f"precision IN {get_args(Precision)}", name="verdicts_precision"),
    )


class Promotion(Base):
    """Hold a promotion. The row with the highest `seq` is the champion; the alias in MLflow only follows."""

    __tablename__ = "promotions"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    event_id: Mapped[UUID] = mapped_column(unique=True, comment="of the model.promoted event")
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("batches.id"))
    model_version: Mapped[int]
    previous_version: Mapped[int | None]
    mlflow_run_id: Mapped[str]
    artifact_uri: Mapped[str]
    artifact_sha256: Mapped[str]
    precision: Mapped[Precision] = mapped_column(server_default="fp32", comment="which of its graphs serves")
    verdict_id: Mapped[UUID | None] = mapped_column(ForeignKey("verdicts.id"))
    reason: Mapped[Reason]
    note: Mapped[str] = mapped_column(server_default="", comment="why, when promoted by hand")
    metrics: Mapped[dict[str, float]]
    promoted_at: Mapped[datetime] = mapped_column(server_default=func.clock_timestamp())
    signed_by: Mapped[str | None] = mapped_column(comment="key id; null: not signed")
    signature: Mapped[str | None] = mapped_column(comment="Ed25519, base64")

    __table_args__ = (
        CheckConstraint(f"reason IN {get_args(Reason)}", name="promotions_reason"),
        CheckConstraint(f"precision IN {get_args(Precision)}", name="promotions_precision"),
    )


class AuditEntry(Base):
    """Hold who did what by hand. Only the function `record_audit` adds rows, each with the hash of the one before."""

    __tablename__ = "audit"

    seq: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    at: Mapped[datetime]
    role: Mapped[str] = mapped_column(comment="database role that was logged in")
    os_user: Mapped[str] = mapped_column(comment="system user, as the command said")
    person: Mapped[str | None] = mapped_column(comment="name of a person or key, as the command said")
    action: Mapped[str]
    subject: Mapped[str] = mapped_column(comment="what was acted on; never a tweet's author")
    before: Mapped[dict[str, Any] | None]
    after: Mapped[dict[str, Any] | None]
    reason: Mapped[str] = mapped_column(comment="why, in the person's words")
    previous_hash: Mapped[str | None] = mapped_column(comment="of the row before; null: the first")
    hash: Mapped[str] = mapped_column(comment="SHA-256 of all other columns")


class Prediction(Base):
    """Hold what a gateway answered, if it is to remember: numbers only, neither a text nor whose it is."""

    __tablename__ = "predictions"

    seq: Mapped[int] = mapped_column(Identity(), primary_key=True)
    predicted_at: Mapped[datetime] = mapped_column(comment="the minute it was made in")
    model_version: Mapped[int]
    probability: Mapped[float]
    features: Mapped[dict[str, float]] = mapped_column(comment="by name, without those that are not known")

    __table_args__ = (
        Index("predictions_of_version", "model_version", "predicted_at"),
        Index("predictions_in_time_order", "predicted_at"),
    )


class StreamCursor(Base):
    """Hold how far a stream has been read; moves in the transaction that stores what was read."""

    __tablename__ = "stream_cursors"

    source: Mapped[str] = mapped_column(primary_key=True)
    cursor_us: Mapped[int] = mapped_column(comment="microseconds since 1970 of the newest event stored")


class StreamPost(Base):
    """Hold a post received on a stream, until a batch has had time to collect it."""

    __tablename__ = "stream_posts"

    source: Mapped[str] = mapped_column(primary_key=True)
    external_id: Mapped[str] = mapped_column(primary_key=True)
    post_key: Mapped[int] = mapped_column(unique=True, comment="hash of (source, external_id)")
    posted_at: Mapped[datetime]
    author_id: Mapped[str]
    username: Mapped[str]
    text: Mapped[str] = mapped_column(comment="empty where the filters leave the post out anyway")
    language: Mapped[str]
    photos_count: Mapped[int]
    has_video: Mapped[bool]
    is_quote: Mapped[bool]
    is_reply: Mapped[bool]
    like_count: Mapped[int | None] = mapped_column(comment="at the minimum age; null: still counting")
    retweet_count: Mapped[int | None]
    reply_count: Mapped[int | None]

    __table_args__ = (
        Index("stream_posts_in_time_order", "source", "posted_at"),
        Index("stream_posts_of_author", "source", "author_id"),
        Index(
            "stream_posts_counting",
            "source",
            "posted_at",
            postgresql_where=literal_column("like_count IS NULL"),
        ),
    )


class StreamEngagement(Base):
    """Hold one like, repost or reply of a post still counting; its key makes a repeated event count once."""

    __tablename__ = "stream_engagements"

    event_key: Mapped[int] = mapped_column(
        primary_key=True, autoincrement=False, comment="hash of (source, record)"
    )
    post_key: Mapped[int] = mapped_column(index=True)
    kind: Mapped[str]
    at: Mapped[datetime]
    deleted: Mapped[bool] = mapped_column(server_default=text("false"))

    __table_args__ = (CheckConstraint("kind IN ('like', 'repost', 'reply')", name="stream_engagements_kind"),)


class Spending(Base):
    """Hold what a paid source has cost in one calendar month, what is being asked for included."""

    __tablename__ = "spending"

    source: Mapped[str] = mapped_column(primary_key=True)
    month: Mapped[date] = mapped_column(primary_key=True, comment="its first day, UTC")
    usd: Mapped[Decimal] = mapped_column(Numeric(12, 4), server_default="0")


def is_partition(name: str | None) -> bool:
    """Tell whether a table of that name is a month of tweets."""
    return bool(name and PARTITION_NAME.fullmatch(name))
