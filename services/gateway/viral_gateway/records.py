"""What the gateway reads from Postgres: the champion, the versions, the batches."""

from __future__ import annotations

from viral_common import ledger, trail
from viral_common.database import Sessions
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
