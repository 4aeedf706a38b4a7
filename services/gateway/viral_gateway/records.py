"""What the gateway reads from Postgres: the champion, the versions, the batches."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from viral_common import ledger, trail
from viral_common.database import Sessions
from viral_common.errors import ServerAway
from viral_common.trail import BatchTrail, ModelRecord

from viral_gateway.promoted import PromotedModel

STATEMENT_TIMEOUT = "5s"


class Records:
    """Each call raises ServerAway within seconds if Postgres does not answer."""

    def __init__(self, sessions: Sessions) -> None:
        self._sessions = sessions

    def champion(self) -> PromotedModel | None:
        """The newest promotion."""
        with self._reading() as session:
            row = ledger.champion(session)
            return PromotedModel.of_row(row) if row else None

    def models(self, limit: int) -> list[ModelRecord]:
        """The newest version first."""
        with self._reading() as session:
            return trail.model_versions(session, limit)

    def batches(self, limit: int) -> list[BatchTrail]:
        """The newest batch first."""
        with self._reading() as session:
            return trail.batch_trails(session, limit)

    @contextmanager
    def _reading(self) -> Iterator[Session]:
        try:
            with self._sessions.begin() as session:
                session.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
                yield session
        except (OperationalError, InterfaceError, PoolTimeout) as error:
            raise ServerAway("Postgres does not answer; check VIRAL_DATABASE_URL") from error
        except ProgrammingError as error:
            raise ServerAway("Postgres has no tables yet; run `python -m viral_common.migrate`") from error
