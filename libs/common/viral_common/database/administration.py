"""Look at databases as a server's administrator, and put restored ones in the place of those that are there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime

from sqlalchemy import Connection, text

from viral_common.addresses import Account, replace_account, split_account
from viral_common.database.engine import connect_to

# What a database holds that was used: of the product, and of MLflow.
_USED = {"viral": ("batches", "promotions", "audit"), "mlflow": ("runs",)}


def choose_database(admin_url: str, name: str) -> str:
    """Build the administrator's address of another database on the same server."""
    return replace_account(admin_url, split_account(admin_url)[1] or Account("postgres", ""), f"/{name}")


def read_version(admin_url: str) -> int:
    """Read the server's major version."""
    with _open(admin_url) as connection:
        return int(connection.scalar(text("SHOW server_version_num")) or 0) // 10_000


def read_revision(url: str) -> str | None:
    """Read the version of a database's schema; None without tables."""
    with _open(url) as connection:
        if connection.scalar(text("SELECT to_regclass('alembic_version')")) is None:
            return None
        return str(connection.scalar(text("SELECT version_num FROM alembic_version")))


def list_clients(admin_url: str, databases: Sequence[str]) -> list[str]:
    """List by name who is connected to any of these databases."""
    clients = text(
        "SELECT DISTINCT coalesce(nullif(application_name, ''), usename) FROM pg_stat_activity"
        " WHERE datname = ANY(:names) AND backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY 1"
    )
    with _open(admin_url) as connection:
        return list(connection.scalars(clients, {"names": list(databases)}))


def is_used(admin_url: str, name: str) -> bool:
    """Check whether a database is there and has rows that somebody would miss."""
    with _open(admin_url) as connection:
        if not connection.scalar(
            text("SELECT count(*) FROM pg_database WHERE datname = :name"), {"name": name}
        ):
            return False
    with _open(choose_database(admin_url, name)) as connection:
        return any(
            connection.scalar(text(f"SELECT EXISTS (SELECT FROM {table})"))  # noqa: S608  (names of ours)
            for table in _USED[name]
            if connection.scalar(text("SELECT to_regclass(:name) IS NOT NULL"), {"name": table})
        )


def drop_databases(admin_url: str, names: Sequence[str]) -> None:
    """Drop those that are there, whoever is connected."""
    with _open(admin_url) as connection:
        for name in names:
            connection.exec_driver_sql(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def rename_databases(admin_url: str, names: Mapping[str, str]) -> None:
    """Give all of them their new names, or none. Nobody may be connected to them."""
    with connect_to(admin_url).begin() as connection:
        for name, new in names.items():
            connection.exec_driver_sql(f"ALTER DATABASE {name} RENAME TO {new}")


def finish_restored(url: str, publish_since: datetime) -> None:
    """Have events be published again that may be lost with the broker, and the planner know the tables."""
    again = "UPDATE outbox SET published_at = NULL WHERE exchange = 'viral.events' AND published_at > :since"
    with _open(url) as connection:
        connection.execute(text(again), {"since": publish_since})
        connection.exec_driver_sql("ANALYZE")


@contextmanager
def _open(url: str) -> Iterator[Connection]:
    engine = connect_to(url, "viral restore")
    try:
        with engine.connect() as connection:
            yield connection.execution_options(isolation_level="AUTOCOMMIT")
    finally:
        engine.dispose()
