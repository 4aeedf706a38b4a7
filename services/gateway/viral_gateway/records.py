"""Read what the gateway shows of Postgres: the champion, the versions, the batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from viral_common.database.engine import Sessions
from viral_common.database.tables import AuditEntry
from viral_common.stores import audit, authors, ledger, trail
from viral_common.stores.champion import Champion
from viral_common.stores.trail import BatchTrail, ModelRecord
from viral_common.tweets.features import KnownAuthor, TweetInput
from viral_common.tweets.label_rule import LabelRule

from viral_gateway.stores import predictions
from viral_gateway.stores.predictions import RecentPredictions
from viral_gateway.stores.read_session import open_read_session


class Records:
    """Read in short transactions. Each call raises ServerAway within seconds if Postgres does not answer."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def read_champion(self) -> Champion | None:
        """Read the newest promotion."""
        with open_read_session(self._sessions) as session:
            row = ledger.find_champion(session)
            return Champion.from_row(row, ledger.count_test_tweets(session, row)) if row else None

    def read_models(self, limit: int, offset: int = 0) -> list[ModelRecord]:
        """Read the registered versions, newest first, without the `offset` newest."""
        with open_read_session(self._sessions) as session:
            return trail.read_model_records(session, limit, offset)

    def read_batches(self, limit: int, offset: int = 0) -> list[BatchTrail]:
        """Read the batches' trails, newest first, without the `offset` newest."""
        with open_read_session(self._sessions) as session:
            return trail.read_batch_trails(session, limit, offset)

    def read_newest_acts(self, limit: int) -> Sequence[AuditEntry]:
        """Read who did what by hand, newest first."""
        with open_read_session(self._sessions) as session:
            return audit.read_newest_acts(session, limit)

    def read_recent_predictions(self, model_version: int, newest: int) -> RecentPredictions | None:
        """Read what this version answered lately; None if none of it was logged."""
        with open_read_session(self._sessions) as session:
            return predictions.read_recent_predictions(session, model_version, newest)

    def read_test_tweets(self, batch_id: UUID, count: int, rule: LabelRule) -> list[TweetInput]:
        """Read some test tweets of the batch, always the same."""
        with open_read_session(self._sessions) as session:
            return predictions.read_test_tweets(session, batch_id, count, rule)

    def find_authors(
        self, source: str, asked: Sequence[tuple[str, datetime]], rule: LabelRule
    ) -> list[KnownAuthor]:
        """Find what was known of each (username, time), in that order."""
        with open_read_session(self._sessions) as session:
            return authors.find_authors(session, source, asked, rule)
