"""Test that a step of the schema can be taken back and taken again."""

from __future__ import annotations

from pathlib import Path

import pytest
import viral_common.database
from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError
from viral_common.database.engine import Sessions

MIGRATIONS = Path(viral_common.database.__path__[0]) / "migrations"
ASK = "SELECT * FROM {}('archive', '{{ada}}', '{{2026-01-01}}', 0, '1 day', '1 day')"


def ask(connection: Connection, function: str) -> tuple[object, ...]:
    with connection.begin_nested():
        return tuple(connection.execute(text(ASK.format(function))).one())


def test_promotions_can_be_numbered_by_a_sequence_again(db: Sessions) -> None:
    with db() as session:
        connection = session.connection()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection

        command.downgrade(config, "0006")
        assert connection.scalar(text("SELECT pg_get_serial_sequence('promotions', 'seq')"))

        command.upgrade(config, "head")
        assert connection.scalar(text("SELECT pg_get_serial_sequence('promotions', 'seq')")) is None


def test_profiles_can_be_taken_back(db: Sessions) -> None:
    with db() as session:
        connection = session.connection()
        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.attributes["connection"] = connection

        command.downgrade(config, "0005")
        assert ask(connection, "author_histories") == (0, 0, 0, 0.0)
        with pytest.raises(DBAPIError, match="find_authors"):
            ask(connection, "find_authors")
        assert connection.scalar(text("SELECT drop_tweets_month('2026-01-01', '2026-02-01')"))

        command.upgrade(config, "head")
        assert ask(connection, "find_authors") == (0, 0, 0, 0.0, *[None] * 8)
        assert connection.scalar(text("SELECT drop_tweets_month('2026-01-01', '2026-02-01')"))
