"""Store a stream's posts while their likes are counted, and the cursor that says how far it was read.

What was received and the cursor are stored in one transaction, and every record counts once by its key. So a stream
read again from any earlier cursor, repeated or in another order, leaves the same counts.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime, timedelta
from typing import Literal, NamedTuple

from sqlalchemy import delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.database.tables import StreamCursor, StreamEngagement, StreamPost, Tweet
from viral_common.tweets.tweet import RawTweet

from viral_scraper.stores.forgotten import ForgottenNames, delete_orphaned_profiles, wait_for_forgetting

# What a post and a tweet have in common; a post is never a retweet.
FIELDS = tuple(one.name for one in fields(RawTweet) if one.name in StreamPost.__table__.columns)
COUNTS = ("like_count", "retweet_count", "reply_count")
# Posts stay so long after their day, for a batch that comes late.
KEPT_AFTER_MATURE = timedelta(days=7)


class StreamStore:
    """Read and write one source's stream."""

    def __init__(self, sessions: Sessions, source: str, names: ForgottenNames = ForgottenNames()) -> None:
        self._sessions = sessions
        self._names = names
        self._source = source
        self._is_mine = StreamPost.source == source

    def read_cursor_us(self) -> int | None:
        """Read the time of the newest event stored, in microseconds; None before the first."""
        with self._sessions() as session:
            return session.scalar(select(StreamCursor.cursor_us).where(StreamCursor.source == self._source))

    def store(self, received: ReceivedPosts) -> None:
        """Store what was received, and move the cursor, in one transaction."""
        with self._sessions.begin() as session:
            wait_for_forgetting(session)
            posts = [self._build_row(tweet, None) for tweet in received.posts]
            posts += [self._build_row(tweet, 0) for tweet in received.left_out]
            if posts:
                session.execute(insert(StreamPost).on_conflict_do_nothing(), posts)
                ids = [str(row["external_id"]) for row in posts]
                self._names.delete_from_posts(session, self._source, ids)
            if received.engagements:
                columns = map(list, zip(*received.engagements, strict=True))
                names = ("keys", "posts", "kinds", "times_us")
                session.execute(ADD_ENGAGEMENTS, dict(zip(names, columns, strict=True)))
            if received.withdrawn:
                session.execute(
                    update(StreamEngagement)
                    .where(StreamEngagement.event_key.in_(received.withdrawn))
                    .values(deleted=True)
                )
            self._delete(session, received)
            statement = insert(StreamCursor).values(source=self._source, cursor_us=received.cursor_us)
            session.execute(
                statement.on_conflict_do_update(
                    index_elements=["source"],
                    set_={"cursor_us": func.greatest(StreamCursor.cursor_us, statement.excluded.cursor_us)},
                )
            )

    def settle(self, min_age: timedelta, slack: timedelta) -> int:
        """Fix the counts of posts that were `min_age` old `slack` ago, by the stream's clock; drop what is over.

        Returns how many were fixed.
        """
        cursor_us = self.read_cursor_us()
        if cursor_us is None:
            return 0
        received_until = to_moment(cursor_us) - slack
        names = {
            "source": self._source,
            "min_age": min_age,
            "ripe": received_until - min_age,
            "received_until": received_until,
        }
        with self._sessions.begin() as session:
            settled: int = session.scalars(SETTLE, names).one()
            session.execute(DROP_STRAYS, names)
            session.execute(
                delete(StreamPost).where(
                    self._is_mine, StreamPost.posted_at < received_until - min_age - KEPT_AFTER_MATURE
                )
            )
        return settled

    def drop_unsure(self, since: datetime, until: datetime) -> int:
        """Delete posts of that time that are still counted: some of their likes were never received."""
        unsure = (StreamPost.like_count.is_(None), StreamPost.posted_at.between(since, until))
        drop = delete(StreamPost).where(self._is_mine, *unsure).returning(StreamPost.external_id)
        with self._sessions.begin() as session:
            return len(session.scalars(drop).all())

    def find_first_after(self, after: datetime | None) -> datetime | None:
        """Find when the earliest post from `after` on was posted."""
        query = select(func.min(StreamPost.posted_at)).where(self._is_mine)
        with self._sessions() as session:
            return session.scalar(query if after is None else query.where(StreamPost.posted_at >= after))

    def is_settled_until(self, until: datetime) -> bool:
        """Tell whether no post before `until` is still counted."""
        counted = (StreamPost.like_count.is_(None), StreamPost.posted_at < until)
        query = select(StreamPost.external_id).where(self._is_mine, *counted)
        with self._sessions() as session:
            return session.scalar(query.limit(1)) is None

    def read_posts(
        self, since: datetime, until: datetime, min_age: timedelta, limit: int | None
    ) -> Iterator[RawTweet]:
        """Read posts of [since, until) whose counts are fixed, in (posted_at, external_id) order."""
        at = StreamPost.posted_at
        query = select(StreamPost).where(
            self._is_mine, StreamPost.like_count.is_not(None), at >= since, at < until
        )
        with self._sessions() as session:
            posts = session.scalars(query.order_by(at, StreamPost.external_id).limit(limit))
            yield from (_build_tweet(post, min_age) for post in posts.all())

    def _build_row(self, tweet: RawTweet, count: int | None) -> dict[str, object]:
        """Build a row; with `count` 0 the counts are as good as fixed, with None they have only begun."""
        return {
            **{name: getattr(tweet, name) for name in FIELDS},
            "source": self._source,
            "post_key": hash_stream_key(self._source, tweet.external_id),
            **dict.fromkeys(COUNTS, count),
        }

    def _delete(self, session: Session, received: ReceivedPosts) -> None:
        """Delete what its author deleted, collected or not."""
        authors = set(received.deleted_authors)
        for table in (StreamPost, Tweet):
            mine = delete(table).where(table.source == self._source).returning(table.author_id)
            if received.deleted_posts:
                authors.update(session.scalars(mine.where(table.external_id.in_(received.deleted_posts))))
            if received.deleted_authors:
                session.execute(mine.where(table.author_id.in_(received.deleted_authors)))
        delete_orphaned_profiles(session, self._source, authors)


def _build_tweet(post: StreamPost, min_age: timedelta) -> RawTweet:
    values = {name: getattr(post, name) for name in FIELDS}
    return RawTweet(**values, is_retweet=False, counts_observed_at=post.posted_at + min_age)


ADD_ENGAGEMENTS = text(
    """
    INSERT INTO stream_engagements (event_key, post_key, kind, at)
    SELECT event_key, post_key, kind, to_timestamp(at_us / 1e6)
    FROM unnest(
        CAST(:keys AS bigint[]), CAST(:posts AS bigint[]), CAST(:kinds AS text[]), CAST(:times_us AS float8[])
    ) AS received (event_key, post_key, kind, at_us)
    WHERE NOT EXISTS (
        SELECT FROM stream_posts p WHERE p.post_key = received.post_key AND p.like_count IS NOT NULL
    )
    ON CONFLICT DO NOTHING
    """
)

# What came later than the minimum age does not count: every post's likes are those of the same age.
SETTLE = text(
    """
    WITH counted AS (
        SELECT
            p.post_key,
            count(*) FILTER (WHERE e.kind = 'like') AS likes,
            count(*) FILTER (WHERE e.kind = 'repost') AS reposts,
            count(*) FILTER (WHERE e.kind = 'reply') AS replies
        FROM stream_posts p
        LEFT JOIN stream_engagements e
            ON e.post_key = p.post_key AND NOT e.deleted AND e.at <= p.posted_at + :min_age
        WHERE p.source = :source AND p.like_count IS NULL AND p.posted_at <= :ripe
        GROUP BY p.post_key
    ), settled AS (
        UPDATE stream_posts p
        SET like_count = counted.likes, retweet_count = counted.reposts, reply_count = counted.replies
        FROM counted WHERE p.post_key = counted.post_key
        RETURNING p.post_key
    ), dropped AS (
        DELETE FROM stream_engagements e USING settled WHERE e.post_key = settled.post_key
    )
    SELECT count(*) FROM settled
    """
)

# Of posts that were never received, or are left out or gone.
DROP_STRAYS = text(
    """
    DELETE FROM stream_engagements e WHERE e.at < :received_until AND NOT EXISTS (
        SELECT FROM stream_posts p WHERE p.post_key = e.post_key AND p.like_count IS NULL
    )
    """
)


Kind = Literal["like", "repost", "reply"]


class ReceivedEngagement(NamedTuple):
    """Hold one like, repost or reply."""

    event_key: int
    post_key: int
    kind: Kind
    at_us: int


@dataclass
class ReceivedPosts:
    """Hold what was received since it was last stored."""

    cursor_us: int = 0
    count: int = 0
    """Events, of whatever use."""
    posts: list[RawTweet] = field(default_factory=list)
    left_out: list[RawTweet] = field(default_factory=list)
    """Posts that the filters will leave out: kept so that they are counted, but not their likes."""
    engagements: list[ReceivedEngagement] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    """Keys of deleted likes, reposts and replies; most were never stored."""
    deleted_posts: list[str] = field(default_factory=list)
    deleted_authors: list[str] = field(default_factory=list)


def hash_stream_key(source: str, record: str) -> int:
    """Hash a record's identity to signed 64 bits."""
    digest = hashlib.blake2b(f"{source} {record}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def to_moment(microseconds: int) -> datetime:
    """Convert microseconds since 1970 to a time."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
