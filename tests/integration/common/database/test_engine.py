"""Connections to Postgres: several hosts, a server that becomes a standby, and who is noticed to be silent."""

from __future__ import annotations

from urllib.parse import urlsplit

import pytest
from sqlalchemy import text
from viral_common.database.engine import POSTGRES_AWAY, connect_to

DEAD = "127.0.0.1:1"


def test_of_several_hosts_the_primary_is_asked(database_url: str) -> None:
    parts = urlsplit(database_url)
    account, _, host = parts.netloc.rpartition("@")
    name, port = host.split(":")
    for address in (
        f"postgresql://{account}@{DEAD},{host}{parts.path}?target_session_attrs=read-write",
        f"postgresql://{account}@{parts.path}?host=127.0.0.1,{name}&port=1,{port}&target_session_attrs=read-write",
    ):
        engine = connect_to(address)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT current_database()")) == parts.path[1:]
        engine.dispose()


def test_a_server_that_became_a_standby_counts_as_away(database_url: str) -> None:
    engine = connect_to(database_url)
    with engine.connect() as connection:
        connection.execute(text("SET default_transaction_read_only = on"))
        connection.commit()
        with pytest.raises(POSTGRES_AWAY):
            connection.execute(text("CREATE TABLE refused ()"))

    with engine.begin() as connection:  # another connection
        connection.execute(text("CREATE TABLE taken ()"))
    engine.dispose()


def test_both_ends_notice_a_silent_peer(database_url: str) -> None:
    engine = connect_to(database_url)
    with engine.connect() as connection:
        servers = connection.execute(
            text("SELECT current_setting('tcp_keepalives_idle'), current_setting('tcp_user_timeout')")
        ).one()
        ours = connection.connection.driver_connection.get_dsn_parameters()  # type: ignore[union-attr]
    engine.dispose()

    assert tuple(servers) == ("5", "15000")
    assert (ours["keepalives_idle"], ours["tcp_user_timeout"], ours["connect_timeout"]) == ("5", "15000", "5")
