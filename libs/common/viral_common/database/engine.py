"""Connect to Postgres, and keep its schema at the version of this code."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Dialect, Engine, ExceptionContext, create_engine, event, text
from sqlalchemy.exc import InterfaceError, OperationalError, SQLAlchemyError
from sqlalchemy.orm import Session as Session
from sqlalchemy.orm import sessionmaker
from sqlalchemy.schema import CreateSchema

from viral_common.addresses import NOTICE_SILENCE
from viral_common.encryption import examine_postgres, explain_failure, parse_postgres_address
from viral_common.errors import ServerAway, UsageError, summarise_error
from viral_common.settings import CommonSettings

Sessions = sessionmaker[Session]

# What a statement raises while Postgres does not answer; all else is a fault of ours.
POSTGRES_AWAY = (OperationalError, InterfaceError)

DRIVER = "postgresql+psycopg2://"

# What a server says that was demoted to a standby: ask the other hosts of the address.
READ_ONLY = "25006"
# Postgres, too, notices a client whose host vanished, and frees what it had locked.
SERVER_OPTIONS = (
    "-c timezone=utc -c tcp_keepalives_idle=5 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=2 "
    "-c tcp_user_timeout=15s"
)

# One migration at a time, whoever starts first; the number is arbitrary but fixed.
MIGRATION_LOCK = 7_201_733


def connect(settings: CommonSettings, application: str) -> Engine:
    """Make an engine whose connections carry `application` as their name and are checked before use."""
    return connect_to(settings.database_url.get_secret_value(), application)


def connect_to(database_url: str, application: str = "viral") -> Engine:
    """Make such an engine of an address."""
    engine = create_engine(DRIVER, **build_engine_options(database_url, application))
    event.listen(engine, "do_connect", _connect_with_reason)
    event.listen(engine, "handle_error", _leave_standby, retval=True)
    return engine


def build_engine_options(database_url: str, application: str, more: str = "") -> dict[str, Any]:
    """Build what `create_engine` is told, for another library's engine, too; `more` is said to Postgres."""
    address = {
        **parse_postgres_address(database_url),
        **NOTICE_SILENCE,
        "application_name": application,
        "options": f"{SERVER_OPTIONS} {more}",
    }
    return {"pool_pre_ping": True, "connect_args": address}


def _leave_standby(context: ExceptionContext) -> BaseException | None:
    """Take a server that became a standby for one that is away: its connections go, the next is to the new primary."""
    error = context.original_exception
    if getattr(error, "pgcode", None) != READ_ONLY:
        return None
    context.is_disconnect = True
    return OperationalError(context.statement, context.parameters, error)


def _connect_with_reason(dialect: Dialect, _record: object, arguments: Any, options: dict[str, Any]) -> Any:
    """Connect; where the other's certificate is not good, say what is wrong with it."""
    try:
        return dialect.connect(*arguments, **options)
    except dialect.loaded_dbapi.OperationalError as error:
        reason = explain_failure(error)
        if reason is None and (authority := options.get("sslrootcert")):
            reason = examine_postgres(options.get("host", ""), options.get("port", ""), authority)
        if reason is None:
            raise
        raise type(error)(reason) from error


def make_sessions(engine: Engine) -> Sessions:
    """Make a factory of sessions: `with sessions.begin() as session:` is one transaction."""
    return sessionmaker(engine, expire_on_commit=False)


def migrate(engine: Engine) -> None:
    """Bring the schema to the newest version; safe to call from several processes at once."""
    config = _build_alembic_config()
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def describe_outage(error: BaseException) -> str | None:
    """Say in one line why Postgres does not answer; None for an error that means something else."""
    return summarise_error(error.orig or error) if isinstance(error, POSTGRES_AWAY) else None


@contextmanager
def translate_outage() -> Iterator[None]:
    """Raise ServerAway where Postgres does not answer, for those who do not know its errors."""
    try:
        yield
    except POSTGRES_AWAY as error:
        raise ServerAway(f"Postgres does not answer ({describe_outage(error)})") from error


def check_database(
    engine: Engine, timeout_s: float, find_more: Callable[[Connection], str | None] = lambda _: None
) -> str | None:
    """Say in words what keeps the database from being used, if anything does; or what `find_more` finds there.

    A server that says nothing keeps a thread waiting, and not the caller.
    """
    found: list[str | None] = ["Postgres does not answer"]

    def ask() -> None:
        with suppress(SQLAlchemyError), engine.connect() as connection:
            connection.execute(text(f"SET LOCAL statement_timeout = {timeout_s * 1000:.0f}"))
            found[0] = _find_schema_gap(connection) or find_more(connection)

    thread = threading.Thread(target=ask, name="check of Postgres", daemon=True)
    thread.start()
    thread.join(timeout_s)
    return found[0]


def _find_schema_gap(connection: Connection) -> str | None:
    has = MigrationContext.configure(connection).get_current_revision()
    needs = _find_newest_revision()
    return None if has == needs else f"the schema is at {has}, not {needs}: run `viral servers prepare`"


def require_schema(sessions: Sessions) -> None:
    """Raise UsageError, before a command does anything, if the schema is not the one of this code."""
    with sessions() as session:
        if gap := _find_schema_gap(session.connection()):
            raise UsageError(gap)


def has_revision(revision: str) -> bool:
    """Check whether a version of the schema is this code's or an older one."""
    scripts = ScriptDirectory.from_config(_build_alembic_config())
    return any(script.revision == revision for script in scripts.walk_revisions())


@cache
def _find_newest_revision() -> str | None:
    return ScriptDirectory.from_config(_build_alembic_config()).get_current_head()


def _build_alembic_config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    return config


def make_schema(engine: Engine, name: str) -> None:
    """Make a namespace for another program's tables beside ours, if it is missing."""
    with engine.begin() as connection:
        connection.execute(CreateSchema(name, if_not_exists=True))


@contextmanager
def hold_name(engine: Engine, name: str) -> Iterator[None]:
    """Keep others from the work `name` while this process is at it. Raises UsageError if one is."""
    with engine.connect() as connection:
        taken = connection.scalar(text("SELECT pg_try_advisory_lock(hashtext(:name))"), {"name": name})
        if not taken:
            raise UsageError(f"another process is at {name}; wait for it, or stop it")
        yield
