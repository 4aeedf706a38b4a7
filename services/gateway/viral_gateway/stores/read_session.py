"""Read Postgres for someone who waits: an answer or a clear error within seconds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, OperationalError, ProgrammingError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.errors import ServerAway

STATEMENT_TIMEOUT = "5s"
POSTGRES_AWAY = "Postgres does not answer; check VIRAL_DATABASE_URL"


@contextmanager
def open_read_session(sessions: Sessions) -> Iterator[Session]:
    """Open a short transaction. Raises ServerAway if Postgres does not answer or has no tables yet."""
    try:
        with sessions.begin() as session:
            session.execute(text(f"SET LOCAL statement_timeout = '{STATEMENT_TIMEOUT}'"))
            yield session
    except (OperationalError, InterfaceError, PoolTimeout) as error:
        raise ServerAway(POSTGRES_AWAY) from error
    except ProgrammingError as error:
        raise ServerAway("Postgres has no tables yet; run `viral servers prepare`") from error
