"""The connection to Postgres and its schema's version."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, text
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.orm import Session, sessionmaker
from sqlalchemy.schema import CreateSchema

from viral_common.errors import UsageError
from viral_common.settings import CommonSettings

__all__ = [
    "POSTGRES_AWAY",
    "Session",
    "Sessions",
    "connect",
    "migrate",
    "require_schema",
    "find_schema_gap",
    "make_sessions",
]

Sessions = sessionmaker[Session]

# What a statement raises while Postgres does not answer; all else is a fault of ours.
POSTGRES_AWAY = (OperationalError, InterfaceError)

# One migration at a time, whoever starts first; the number is arbitrary but fixed.
MIGRATION_LOCK = 7_201_733


def connect(settings: CommonSettings, application: str) -> Engine:
    """An engine whose connections carry `application` as their name and are checked before use."""
    url = settings.database_url.get_secret_value().replace("postgresql://", "postgresql+psycopg2://", 1)
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"application_name": application, "connect_timeout": 5, "options": "-c timezone=utc"},
    )


def make_sessions(engine: Engine) -> Sessions:
    """`with sessions.begin() as session:` is one transaction."""
    return sessionmaker(engine, expire_on_commit=False)


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest version; safe to call from several processes at once."""
    config = _build_alembic_config()
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def find_schema_gap(connection: Connection) -> str | None:
    """In words, if the database's schema is not the one this code was written for."""
    has = MigrationContext.configure(connection).get_current_revision()
    needs = _find_newest_revision()
    return (
        None if has == needs else f"the schema is at {has}, not {needs}: run `python -m viral_common.migrate`"
    )


def require_schema(make_sessions: Sessions) -> None:
    """For commands, before they do anything. Raises UsageError where there is a gap."""
    with make_sessions() as session:
        if gap := find_schema_gap(session.connection()):
            raise UsageError(gap)


@cache
def _find_newest_revision() -> str | None:
    return ScriptDirectory.from_config(_build_alembic_config()).get_current_head()


def _build_alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def make_schema(engine: Engine, name: str) -> None:
    """A namespace for another program's tables beside ours, if it is missing."""
    with engine.begin() as connection:
        connection.execute(CreateSchema(name, if_not_exists=True))
