"""Make the roles of Postgres and grant each what its service needs, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping

from psycopg2.extensions import encrypt_password
from sqlalchemy import Connection, Engine, text

from viral_common.database.engine import connect_to

OWNER = "viral"
SERVICES = ("scraper", "trainer", "evaluator", "gateway")
OPERATOR = "operator"
SEARCHES = "searches"

ALL = "SELECT, INSERT, UPDATE, DELETE"
DELIVERY = {"outbox": ALL, "inbox": ALL}
DECISIONS = ("trainings", "verdicts", "promotions")
# What can be read of a tweet by who only compares it with what was asked: no counts, no ids.
TWEET_TEXT = "SELECT (source, batch_id, split, text_hash, text, posted_at, photos_count, has_video, is_quote, username)"

# By role and table. Row-level security (migration 0005) narrows inbox, outbox and verdicts further.
GRANTS: dict[str, dict[str, str]] = {
    "scraper": {
        **dict.fromkeys(("batches", "batch_intervals", "tweets", "author_profiles"), ALL),
        **dict.fromkeys(("forgotten", "spending"), ALL),
        **dict.fromkeys(("stream_cursors", "stream_engagements", "stream_posts"), ALL),
        "outbox": ALL,
    },
    "trainer": {
        **DELIVERY,
        **dict.fromkeys(("tweets", "author_profiles"), "SELECT"),
        "batches": "SELECT, UPDATE (drift)",
        "candidates": "SELECT, INSERT, UPDATE",
        "trainings": "SELECT, INSERT",
        "verdicts": "SELECT, INSERT, DELETE",
        "promotions": "SELECT",
    },
    "evaluator": {
        **DELIVERY,
        **dict.fromkeys(("tweets", "author_profiles", "batches"), "SELECT"),
        "trainings": "SELECT",
        "verdicts": "SELECT, INSERT, DELETE",
        "promotions": "SELECT, INSERT",
    },
    "gateway": {
        "outbox": ALL,
        "tweets": TWEET_TEXT,
        "batches": "SELECT",
        **dict.fromkeys(DECISIONS, "SELECT"),
        "predictions": ALL,
        "audit": "SELECT",
    },
}
FUNCTIONS = {
    "record_audit (text, text, text, text, jsonb, jsonb, text)": SERVICES,
    "add_tweets_month (date)": ("scraper",),
    "drop_tweets_month (date, timestamptz)": ("scraper",),
    "analyse_tweets ()": ("scraper",),
    "find_authors (text, text[], timestamptz[], bigint, interval, interval)": (
        "trainer",
        "evaluator",
        "gateway",
    ),
}
# Deleted rows are cleared by who deletes them, where Postgres can grant that.
CLEARED = ("tweets", "author_profiles", "stream_posts", "stream_engagements")
MAINTAIN_SINCE = 170000


def create_roles(admin_url: str, passwords: Mapping[str, str]) -> None:
    """Make the roles that log in, or give them these passwords, of which the server only sees what proves them."""
    with connect_to(admin_url).connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        driver = connection.connection.driver_connection
        for name, password in passwords.items():
            proof = encrypt_password(password, name, scope=driver, algorithm="scram-sha-256")
            made = connection.scalar(text("SELECT to_regrole(:name) IS NOT NULL"), {"name": name})
            connection.exec_driver_sql(
                f"{'ALTER' if made else 'CREATE'} ROLE {name} LOGIN PASSWORD '{proof}'"
            )
        if OPERATOR in passwords:
            # A person may do by hand what any service does, under a name of their own.
            connection.exec_driver_sql(f"GRANT {', '.join(SERVICES)} TO {OPERATOR}")


def create_database(admin_url: str, name: str, owner: str) -> None:
    """Make a database that only its owner may enter, if it is missing."""
    with connect_to(admin_url).connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT")
        if not connection.scalar(
            text("SELECT count(*) FROM pg_database WHERE datname = :name"), {"name": name}
        ):
            connection.exec_driver_sql(f"GRANT {owner} TO CURRENT_USER")
            connection.exec_driver_sql(f"CREATE DATABASE {name} OWNER {owner}")
        connection.exec_driver_sql(f"REVOKE ALL ON DATABASE {name} FROM PUBLIC")


def allow_databases(admin_url: str, role: str) -> None:
    """Allow a role to make databases of its own, as tests do."""
    with connect_to(admin_url).begin() as connection:
        connection.exec_driver_sql(f"ALTER ROLE {role} CREATEDB")


def grant_rights(owner: Engine) -> None:
    """Grant each role its rights on the newest schema, and take away all others it was given."""
    with owner.begin() as connection:
        database = connection.scalar(text("SELECT quote_ident(current_database())"))
        roles = ", ".join((*SERVICES, OPERATOR))
        for statement in (
            "REVOKE ALL ON SCHEMA public FROM PUBLIC",
            f"REVOKE ALL ON ALL TABLES IN SCHEMA public FROM PUBLIC, {roles}",
            "REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC",
            f"GRANT CONNECT ON DATABASE {database} TO {roles}",
            f"GRANT TEMPORARY ON DATABASE {database} TO scraper, trainer, evaluator, gateway",
            f"GRANT USAGE ON SCHEMA public TO {roles}",
            f"GRANT SELECT ON alembic_version TO {roles}",
            f"GRANT SELECT ON ALL TABLES IN SCHEMA public TO {OPERATOR}",
            # Where its searches keep their trials; the tables are made and changed by Optuna.
            f"GRANT ALL ON SCHEMA {SEARCHES} TO trainer",
            *_list_grants(),
            *_list_maintenance(connection),
        ):
            connection.exec_driver_sql(statement)


def _list_grants() -> list[str]:
    tables = [
        f"GRANT {right} ON {table} TO {role}"
        for role, rights in GRANTS.items()
        for table, right in rights.items()
    ]
    functions = [
        f"GRANT EXECUTE ON FUNCTION {function} TO {', '.join(roles)}" for function, roles in FUNCTIONS.items()
    ]
    return tables + functions


def _list_maintenance(connection: Connection) -> list[str]:
    if int(connection.scalar(text("SHOW server_version_num")) or 0) < MAINTAIN_SINCE:
        return []
    months = connection.scalars(
        text("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'tweets'::regclass")
    )
    return [f"GRANT MAINTAIN ON {table} TO scraper" for table in (*CLEARED, *months)]
