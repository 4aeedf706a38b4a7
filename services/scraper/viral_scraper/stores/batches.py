"""Store batches as they are collected: planned, filled interval by interval, finished with their event.

Each step is one transaction that can be repeated, so a scraper killed anywhere goes on where it stopped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from itertools import chain
from uuid import UUID

from sqlalchemy import ColumnElement, Float, Integer, Select, and_, cast, func, select, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, BatchInterval, Tweet
from viral_common.events import BatchCollected, derive_event_id
from viral_common.stores.tweets import is_label_mature
from viral_common.tweets.label_rule import LabelRule

from viral_scraper.stores.batch_merge import store_staged
from viral_scraper.stores.copy_row import PreparedTweets
from viral_scraper.stores.forgotten import ForgottenNames
from viral_scraper.stores.partitions import run_with_months

Emit = Callable[[Session, BatchCollected], None]
Interval = tuple[datetime, datetime]


class BatchStore:
    """Read and write the batches of one source and query."""

    def __init__(
        self, sessions: Sessions, source: str, query: str, names: ForgottenNames = ForgottenNames()
    ) -> None:
        self._sessions = sessions
        self._names = names
        self._source = source
        self._query = query
        self._is_mine = and_(Batch.source == source, Batch.query == query)

    def check_forget_key(self) -> None:
        """Raise UsageError if names were forgotten with a key that is not at hand."""
        with self._sessions() as session:
            self._names.is_anybody_forgotten(session)

    def find_unfinished(self) -> Batch | None:
        """Find the batch to go on with, if one was begun."""
        begun = select(Batch).where(self._is_mine, Batch.collected_at.is_(None))
        with self._sessions() as session:
            return session.scalars(begun.order_by(Batch.window_from).limit(1)).first()

    def find_collected_until(self) -> datetime | None:
        """Find the end of the last window, where the next one may begin."""
        with self._sessions() as session:
            return session.scalar(select(func.max(Batch.window_to)).where(self._is_mine))

    def find_last_collected_at(self) -> datetime | None:
        """Find when the newest batch was finished."""
        with self._sessions() as session:
            return session.scalar(select(func.max(Batch.collected_at)).where(self._is_mine))

    def plan(self, batch_id: UUID, window: Interval, target: int, intervals: Sequence[Interval]) -> Batch:
        """Write down a batch of `target` tweets and its intervals, in the order of fetching; again changes nothing."""
        since, until = window
        batch = insert(Batch).values(
            id=batch_id,
            source=self._source,
            query=self._query,
            window_from=since,
            window_to=until,
            target=target,
        )
        starts, ends = map(list, zip(*intervals, strict=True))
        with self._sessions.begin() as session:
            session.execute(batch.on_conflict_do_nothing())
            session.execute(PLAN_INTERVALS, {"batch": batch_id, "since": starts, "until": ends})
            return session.get_one(Batch, batch_id)

    def list_waiting_intervals(self, batch_id: UUID) -> list[BatchInterval]:
        """List those not stored yet, in the order of fetching."""
        return self._list_intervals(batch_id, BatchInterval.stored_at.is_(None))

    def store(self, intervals: Mapping[int, PreparedTweets], batch_id: UUID, share: int) -> Batch:
        """Store whole intervals, by position: new originals up to the target, fresh counts for known tweets.

        No interval gives more than `share`; which of its tweets are taken then is drawn by their texts.
        """

        def work(session: Session) -> Batch:
            batch = session.get_one(Batch, batch_id, with_for_update=True)
            if batch.collected_at is not None or _is_any_stored(session, batch.id, list(intervals)):
                return batch
            counts, forgotten = store_staged(session, batch, intervals, share, self._names)
            left_out = {
                "forgotten": forgotten,
                "duplicate": counts.copies,
                "near-duplicate": counts.near_copies,
                "collected before": counts.elsewhere,
                "beyond the share": counts.new - counts.within_share,
                "beyond the target": counts.within_share - counts.kept,
            }
            filtered = sum((Counter(one.left_out) for one in intervals.values()), Counter(left_out))
            batch.filtered = dict(+(Counter(batch.filtered) + filtered))
            return batch

        return run_with_months(
            self._sessions, lambda: chain.from_iterable(one.read_times() for one in intervals.values()), work
        )

    def list_bounded_intervals(self, batch_id: UUID, share: int) -> list[BatchInterval]:
        """List those that gave their whole share, in the order of fetching."""
        return self._list_intervals(batch_id, BatchInterval.kept == share)

    def _list_intervals(self, batch_id: UUID, condition: ColumnElement[bool]) -> list[BatchInterval]:
        query = select(BatchInterval).where(BatchInterval.batch_id == batch_id, condition)
        with self._sessions() as session:
            return list(session.scalars(query.order_by(BatchInterval.position)))

    def store_rest(self, position: int, tweets: PreparedTweets, batch_id: UUID) -> Batch:
        """Let an interval give what lay beyond its share, up to the target; again changes nothing."""

        def work(session: Session) -> Batch:
            batch = session.get_one(Batch, batch_id, with_for_update=True)
            if batch.collected_at is None:
                counts, _ = store_staged(session, batch, {position: tweets}, batch.target, self._names)
                batch.filtered = dict(+(Counter(batch.filtered) - Counter({"beyond the share": counts.kept})))
            return batch

        return run_with_months(self._sessions, tweets.read_times, work)

    def finish(self, batch_id: UUID, rule: LabelRule, emit: Emit | None) -> Batch:
        """Count the batch and emit its event, in one transaction; an empty one, which trains nobody, has none.

        Without `emit` it is kept for its authors' pasts alone.
        """
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
            ) = session.execute(_select_summary(batch_id, rule)).one()
            batch.collected_at = session.scalar(select(func.clock_timestamp()))
            batch.history_only = emit is None
            if batch.tweet_count and emit:
                emit(session, _build_event(batch))
            return batch


def _is_any_stored(session: Session, batch_id: UUID, positions: Sequence[int]) -> bool:
    stored = (BatchInterval.position.in_(positions), BatchInterval.stored_at.is_not(None))
    return session.scalar(select(func.count()).where(BatchInterval.batch_id == batch_id, *stored)) != 0


def _select_summary(batch_id: UUID, rule: LabelRule) -> Select[int, int, int, int, float | None]:
    viral = cast(Tweet.like_count > rule.threshold, Integer)
    return select(
        func.count(),
        func.count().filter(Tweet.split == "train"),
        func.count().filter(Tweet.split == "validation"),
        func.count().filter(Tweet.split == "test"),
        cast(func.avg(viral).filter(is_label_mature(rule)), Float),
    ).where(Tweet.batch_id == batch_id)


def _build_event(batch: Batch) -> BatchCollected:
    return BatchCollected(
        id=derive_event_id(batch.id, BatchCollected.name),
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


# One statement: a round trip for each of some hundred intervals takes longer than storing a thousand tweets.
PLAN_INTERVALS = text(
    """
    INSERT INTO batch_intervals (batch_id, position, since, until)
    SELECT CAST(:batch AS uuid), place - 1, since, until
    FROM unnest(CAST(:since AS timestamptz[]), CAST(:until AS timestamptz[]))
        WITH ORDINALITY AS planned(since, until, place)
    ON CONFLICT DO NOTHING
    """
)
