"""Find tweets whose likes are to be read again, and record what was read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from sqlalchemy import delete, func, select, text
from viral_common.database.engine import Sessions
from viral_common.database.tables import Tweet
from viral_common.tweets.tweet import Engagement

from viral_scraper.stores.forgotten import delete_orphaned_profiles


class RefreshStore:
    """Read and write one source's tweets whose likes were read before they had time."""

    def __init__(self, sessions: Sessions, source: str) -> None:
        self._sessions = sessions
        self._source = source

    def find_due(self, min_age: timedelta, limit: int) -> list[str]:
        """Find ids of tweets that are `min_age` old by now and were not when their likes were read, oldest first."""
        query = (
            select(Tweet.external_id)
            .where(
                Tweet.source == self._source,
                # As the index `tweets_young` has it, so that with the usual day it is used.
                Tweet.counts_observed_at - Tweet.posted_at < min_age,
                Tweet.posted_at <= func.now() - min_age,
            )
            .order_by(Tweet.posted_at)
            .limit(limit)
        )
        with self._sessions() as session:
            return list(session.scalars(query))

    def record(self, read: Iterable[Engagement]) -> None:
        """Take over counts that are newer than those known."""
        rows = [
            (one.external_id, one.like_count, one.retweet_count, one.reply_count, one.counts_observed_at)
            for one in read
        ]
        if not rows:
            return
        names = ("ids", "likes", "retweets", "replies", "times")
        columns = dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
        with self._sessions.begin() as session:
            session.execute(RECORD, {"source": self._source, **columns})

    def remove(self, ids: Sequence[str]) -> None:
        """Delete tweets that are deleted where they came from."""
        with self._sessions.begin() as session:
            gone = delete(Tweet).where(Tweet.source == self._source, Tweet.external_id.in_(ids))
            authors = session.scalars(gone.returning(Tweet.author_id))
            delete_orphaned_profiles(session, self._source, authors)


RECORD = text(
    """
    UPDATE tweets t SET
        like_count = read.likes, retweet_count = read.retweets,
        reply_count = read.replies, counts_observed_at = read.at
    FROM unnest(
        CAST(:ids AS text[]), CAST(:likes AS bigint[]), CAST(:retweets AS bigint[]), CAST(:replies AS bigint[]),
        CAST(:times AS timestamptz[])
    ) AS read (external_id, likes, retweets, replies, at)
    WHERE t.source = :source AND t.external_id = read.external_id
        AND (t.counts_observed_at < read.at) IS NOT FALSE
    """
)
