"""Batches as they are collected: planned, filled interval by interval, finished with their event.

Each step is one transaction that can be repeated, so a scraper killed anywhere goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Float, Integer, Select, cast, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from viral_common.database import Sessions
from viral_common.events import BatchCollected, caused_id
from viral_common.models import Batch, BatchInterval, Tweet
from viral_common.staging import COLUMNS, stage
from viral_common.tweet_store import label_is_mature
from viral_common.tweets import RawTweet

Emit = Callable[[Session, BatchCollected], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """A batch to be: which window, how many tweets, and its intervals in the order of fetching."""

    batch_id: UUID
    source: str
    query: str
    since: datetime
    until: datetime
    target: int
    intervals: Sequence[tuple[datetime, datetime]]


class BatchStore:
    """All that the scraper writes."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def unfinished(self, source: str, query: str) -> Batch | None:
        """The batch to go on with, if one was begun."""
        with self._sessions() as session:
            return session.scalars(
                _batches_of(source, query).where(Batch.collected_at.is_(None)).limit(1)
            ).first()

    def collected_until(self, source: str, query: str) -> datetime | None:
        """The end of the last window, where the next one may begin."""
        with self._sessions() as session:
            return session.scalar(
                select(func.max(Batch.window_to)).where(Batch.source == source, Batch.query == query)
            )

    def plan(self, plan: Plan) -> Batch:
        """Write the batch and its intervals down; the same plan again changes nothing."""
        with self._sessions.begin() as session:
            session.execute(
                insert(Batch)
                .values(
                    id=plan.batch_id,
                    source=plan.source,
                    query=plan.query,
                    window_from=plan.since,
                    window_to=plan.until,
                    target=plan.target,
                )
                .on_conflict_do_nothing()
            )
            session.execute(
                insert(BatchInterval).on_conflict_do_nothing(),
                [
                    {"batch_id": plan.batch_id, "position": position, "since": since, "until": until}
                    for position, (since, until) in enumerate(plan.intervals)
                ],
            )
            return session.get_one(Batch, plan.batch_id)

    def waiting_intervals(self, batch_id: UUID) -> list[BatchInterval]:
        """Those not stored yet, in the order of fetching."""
        with self._sessions() as session:
            return list(
                session.scalars(
                    select(BatchInterval)
                    .where(BatchInterval.batch_id == batch_id, BatchInterval.stored_at.is_(None))
                    .order_by(BatchInterval.position)
                )
            )

    def store(
        self, intervals: Sequence[BatchInterval], tweets: Iterable[RawTweet], filtered: Mapping[str, int]
    ) -> Batch:
        """Store a batch's intervals whole: new originals up to the target, fresh counts for known tweets."""
        positions = [interval.position for interval in intervals]
        with self._sessions.begin() as session:
            batch = session.get_one(Batch, intervals[0].batch_id, with_for_update=True)
            if batch.collected_at is not None or _any_stored(session, batch.id, positions):
                return batch
            stage(session, batch.source, batch.id, tweets)
            room = batch.target - batch.tweet_count
            counts = session.execute(
                STORE_STAGED, {"batch": batch.id, "room": room, "positions": positions}
            ).one()
            batch.tweet_count += counts.kept
            left_out = {
                "duplicate": counts.staged - counts.elsewhere - counts.new,
                "collected before": counts.elsewhere,
                "beyond the target": counts.new - counts.kept,
            }
            batch.filtered = dict(+(Counter(batch.filtered) + Counter(filtered) + Counter(left_out)))
            return batch

    def finish(self, batch_id: UUID, likes_threshold: int, min_age: timedelta, emit: Emit) -> Batch:
        """Count the batch and tell the world, in one transaction; an empty one is closed in silence."""
        with self._sessions.begin() as session:
            batch = session.get_one(Batch, batch_id, with_for_update=True)
            if batch.collected_at is not None:
                return batch
            (
                batch.tweet_count,
                batch.train_count,
                batch.validation_count,
                batch.test_count,
                batch.viral_rate,
            ) = session.execute(_summary_of(batch_id, likes_threshold, min_age)).one()
            batch.collected_at = session.scalar(select(func.clock_timestamp()))
            if batch.tweet_count:
                emit(session, _collected(batch))
            return batch


def _any_stored(session: Session, batch_id: UUID, positions: Sequence[int]) -> bool:
    return bool(
        session.scalar(
            select(func.count()).where(
                BatchInterval.batch_id == batch_id,
                BatchInterval.position.in_(positions),
                BatchInterval.stored_at.is_not(None),
            )
        )
    )


def _batches_of(source: str, query: str) -> Select[Batch]:
    return select(Batch).where(Batch.source == source, Batch.query == query).order_by(Batch.window_from)


def _summary_of(
    batch_id: UUID, likes_threshold: int, min_age: timedelta
) -> Select[int, int, int, int, float | None]:
    viral = cast(Tweet.like_count > likes_threshold, Integer)
    return select(
        func.count(),
        func.count().filter(Tweet.split == "train"),
        func.count().filter(Tweet.split == "validation"),
        func.count().filter(Tweet.split == "test"),
        cast(func.avg(viral).filter(label_is_mature(min_age)), Float),
    ).where(Tweet.batch_id == batch_id)


def _collected(batch: Batch) -> BatchCollected:
    return BatchCollected(
        id=caused_id(batch.id, BatchCollected.name),
        batch_id=batch.id,
        source=batch.source,
        query=batch.query,
        window_from=batch.window_from,
        window_to=batch.window_to,
        tweet_count=batch.tweet_count,
        train_count=batch.train_count,
        test_count=batch.test_count,
        viral_rate=batch.viral_rate or 0.0,
    )


# A copy is a text that the batch already holds; the earliest stays. A known tweet keeps its batch and split.
STORE_STAGED = text(
    f"""
    WITH once AS (
        SELECT DISTINCT ON (external_id) * FROM staged_tweets ORDER BY external_id, like_count DESC
    ), known AS (
        SELECT t.external_id, t.batch_id FROM once JOIN tweets t USING (source, external_id)
    ), refreshed AS (
        UPDATE tweets t SET
            like_count = once.like_count, retweet_count = once.retweet_count,
            reply_count = once.reply_count, counts_observed_at = once.counts_observed_at
        FROM once
        WHERE t.source = once.source AND t.external_id = once.external_id
            AND (t.counts_observed_at <= once.counts_observed_at) IS NOT FALSE
    ), fresh AS (
        SELECT DISTINCT ON (text_hash) * FROM once
        WHERE external_id NOT IN (SELECT external_id FROM known)
        ORDER BY text_hash, posted_at, external_id
    ), new AS (
        SELECT * FROM fresh WHERE NOT EXISTS (
            SELECT FROM tweets t WHERE t.batch_id = :batch AND t.text_hash = fresh.text_hash
        )
    ), kept AS (
        INSERT INTO tweets ({COLUMNS})
        SELECT {COLUMNS} FROM new ORDER BY posted_at, external_id LIMIT :room
        ON CONFLICT (source, external_id) DO NOTHING
        RETURNING posted_at
    ), stored AS (
        UPDATE batch_intervals i SET
            stored_at = clock_timestamp(),
            kept = (SELECT count(*) FROM kept WHERE posted_at >= i.since AND posted_at < i.until)
        WHERE batch_id = :batch AND position = ANY(:positions)
    )
    SELECT
        (SELECT count(*) FROM staged_tweets) AS staged,
        (SELECT count(*) FROM known WHERE batch_id <> :batch) AS elsewhere,
        (SELECT count(*) FROM new) AS new,
        (SELECT count(*) FROM kept) AS kept
    """  # noqa: S608  (COLUMNS is a constant)
)
