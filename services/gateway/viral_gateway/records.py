"""What the gateway reads from Postgres: the champion, the versions, the batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from viral_common.database.engine import Sessions
from viral_common.stores import authors, ledger, trail
from viral_common.stores.champion import Champion
from viral_common.stores.trail import BatchTrail, ModelRecord
from viral_common.tweets.features import AuthorHistory, TweetInput
from viral_common.tweets.label_rule import LabelRule

from viral_gateway.stores import predictions
from viral_gateway.stores.predictions import Remembered
from viral_gateway.stores.read_session import reading


class Records:
    """Each call raises ServerAway within seconds if Postgres does not answer."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def champion(self) -> Champion | None:
        """The newest promotion."""
        with reading(self._sessions) as session:
            row = ledger.find_champion(session)
            return Champion.from_row(row, ledger.count_test_tweets(session, row)) if row else None

    def models(self, limit: int, offset: int = 0) -> list[ModelRecord]:
        """The newest version first, without the `offset` newest."""
        with reading(self._sessions) as session:
            return trail.read_model_records(session, limit, offset)

    def batches(self, limit: int, offset: int = 0) -> list[BatchTrail]:
        """The newest batch first, without the `offset` newest."""
        with reading(self._sessions) as session:
            return trail.read_batch_trails(session, limit, offset)

    def remembered(self, model_version: int, newest: int) -> Remembered | None:
        """What this version answered lately, if predictions are remembered."""
        with reading(self._sessions) as session:
            return predictions.remembered(session, model_version, newest)

    def held_out(self, batch_id: UUID, count: int, rule: LabelRule) -> list[TweetInput]:
        """Some test tweets of the batch, always the same."""
        with reading(self._sessions) as session:
            return predictions.held_out(session, batch_id, count, rule)

    def author_histories(
        self, source: str, asked: Sequence[tuple[str, datetime]], rule: LabelRule
    ) -> list[AuthorHistory]:
        """Of each (username, time), in that order."""
        with reading(self._sessions) as session:
            return authors.read_author_histories(session, source, asked, rule)
