"""What the gateway reads from Postgres: the champion, the versions, the batches."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from viral_common import authors, ledger, trail
from viral_common.database import Sessions
from viral_common.features import AuthorHistory
from viral_common.reading import reading
from viral_common.trail import BatchTrail, ModelRecord

from viral_gateway.promoted import PromotedModel


class Records:
    """Each call raises ServerAway within seconds if Postgres does not answer."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def champion(self) -> PromotedModel | None:
        """The newest promotion."""
        with reading(self._sessions) as session:
            row = ledger.champion(session)
            return PromotedModel.of_row(row) if row else None

    def models(self, limit: int) -> list[ModelRecord]:
        """The newest version first."""
        with reading(self._sessions) as session:
            return trail.model_versions(session, limit)

    def batches(self, limit: int) -> list[BatchTrail]:
        """The newest batch first."""
        with reading(self._sessions) as session:
            return trail.batch_trails(session, limit)

    def author_histories(
        self, source: str, asked: Sequence[tuple[str, datetime]], likes_threshold: int, min_age: timedelta
    ) -> list[AuthorHistory]:
        """Of each (username, time), in that order."""
        with reading(self._sessions) as session:
            return authors.author_histories(session, source, asked, likes_threshold, min_age)
