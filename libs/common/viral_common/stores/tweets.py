"""Read stored tweets and batches, for training and evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args
from uuid import UUID

from sqlalchemy import ColumnElement, String, cast, func, or_, select, tuple_

from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, Tweet
from viral_common.stores.authors import build_input, read_labelled_rows
from viral_common.stores.tweet_columns import DescribedTweet, TweetColumns
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import Split
from viral_common.tweets.tweet import LabelledTweet


class TweetStore:
    """Read tweets with their labels; storing them is the scraper's."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def read_labelled(self, batch_ids: Sequence[UUID], split: Split, rule: LabelRule) -> list[LabelledTweet]:
        """Read the batches' tweets of that split whose likes had time to come, in (posted_at, external_id) order.

        Each comes with what was known of its author before it.
        """
        return self.read_labelled_by_split(batch_ids, [split], rule)[split]

    def read_labelled_by_split(
        self, batch_ids: Sequence[UUID], splits: Sequence[Split], rule: LabelRule
    ) -> dict[Split, list[LabelledTweet]]:
        """Read the same of several splits, in hardly more time than of one."""
        found: dict[Split, list[LabelledTweet]] = {split: [] for split in splits}
        with self._sessions() as session:
            for row in read_labelled_rows(session, batch_ids, splits, rule):
                likes = row.like_count
                found[row.split].append(
                    LabelledTweet(build_input(row), likes, rule.is_viral(likes), row.author_id)
                )
        return found

    def read_columns(self, batch_ids: Sequence[UUID], rule: LabelRule) -> TweetColumns:
        """Read the batches' tweets of all splits whose likes had time to come, in the same order."""
        with self._sessions() as session:
            rows = read_labelled_rows(session, batch_ids, get_args(Split), rule)
            return TweetColumns.from_tweets(map(_build_described_tweet, rows))

    def count(self, batch_ids: Sequence[UUID]) -> int:
        """Count the batches' stored tweets, those too young for a label included."""
        with self._sessions() as session:
            return session.scalars(
                select(func.count()).select_from(Tweet).where(Tweet.batch_id.in_(batch_ids))
            ).one()

    def find_batch(self, batch_id: UUID) -> Batch | None:
        """Find a batch; the row is detached."""
        with self._sessions() as session:
            return session.get(Batch, batch_id)

    def find_batches(self, start: str) -> list[Batch]:
        """Find batches whose id begins so; two at most, for only one is of use."""
        query = select(Batch).where(cast(Batch.id, String).istartswith(start, autoescape=True))
        with self._sessions() as session:
            return list(session.scalars(query.limit(2)))

    def find_newest_batch(self) -> Batch | None:
        """Find the batch to train on that was collected last."""
        query = select(Batch).where(
            Batch.collected_at.is_not(None), Batch.tweet_count > 0, ~Batch.history_only
        )
        with self._sessions() as session:
            return session.scalars(query.order_by(Batch.collected_at.desc()).limit(1)).first()

    def find_window(self, batch: Batch, size: int) -> list[Batch]:
        """Find this batch and up to `size - 1` collected ones before it, of the same source, oldest first."""
        place = tuple_(Batch.window_to, Batch.window_from, Batch.id)
        query = (
            select(Batch)
            .where(
                Batch.source == batch.source,
                Batch.collected_at.is_not(None),
                Batch.tweet_count > 0,
                ~Batch.history_only,
                place <= tuple_(batch.window_to, batch.window_from, batch.id),
            )
            .order_by(Batch.window_to.desc(), Batch.window_from.desc(), Batch.id.desc())
            .limit(size)
        )
        with self._sessions() as session:
            return list(session.scalars(query))[::-1]


def _build_described_tweet(row: Any) -> DescribedTweet:
    return DescribedTweet(
        build_input(row),
        row.like_count,
        row.retweet_count,
        row.reply_count,
        row.author_id,
        row.language,
        row.text_hash,
        row.split,
        row.batch,
    )


def is_label_mature(rule: LabelRule) -> ColumnElement[bool]:
    """Build `LabelRule.is_mature` as a condition in SQL."""
    return or_(Tweet.counts_observed_at.is_(None), Tweet.counts_observed_at - Tweet.posted_at >= rule.min_age)
