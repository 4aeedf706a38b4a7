"""A database that holds tweets already: they move into months, and back, and none is lost or changed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
import viral_common
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, Row, create_engine, inspect, text

from tests.conftest import own_database
from tests.servers import Servers

BEFORE, AFTER = "0005", "0006"
BATCH = UUID("5d3aa0c6-5f2f-4f61-9b66-6a9a6ec0c0de")
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)
MOMENT = timedelta(microseconds=1)
TIMES = [datetime(2010, 11, 5, tzinfo=UTC), NEW_YEAR - MOMENT, NEW_YEAR, NEW_YEAR + timedelta(days=40)]


@pytest.fixture
def engine(servers: Servers) -> Iterator[Engine]:
    """A database whose schema is that before months, with four tweets."""
    with own_database(servers, "template1") as url:
        engine = create_engine(url.replace("postgresql://", "postgresql+psycopg2://"))
        move(engine, BEFORE)
        with engine.begin() as connection:
            connection.execute(_BATCH, {"id": BATCH})
            rows = [{"id": str(number), "batch": BATCH, "at": at} for number, at in enumerate(TIMES)]
            connection.execute(_TWEET, rows)
        yield engine
        engine.dispose()


def move(engine: Engine, revision: str) -> None:
    """Up or down to it."""
    config = Config()
    config.set_main_option("script_location", str(Path(viral_common.__file__).parent / "migrations"))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        (command.downgrade if revision == BEFORE and has_months(engine) else command.upgrade)(
            config, revision
        )


def has_months(engine: Engine) -> bool:
    return any(name.startswith("tweets_2") for name in inspect(engine).get_table_names())


def rows(engine: Engine) -> list[Row[tuple[object, ...]]]:
    with engine.connect() as connection:
        return list(connection.execute(text("SELECT * FROM tweets ORDER BY posted_at")))


def test_each_tweet_moves_into_its_month_unchanged(engine: Engine) -> None:
    before = rows(engine)

    move(engine, AFTER)

    assert rows(engine) == before
    with engine.connect() as connection:
        places = connection.scalars(text("SELECT tableoid::regclass::text FROM tweets ORDER BY posted_at"))
        expected = ["tweets_2010_11", "tweets_2025_12", "tweets_2026_01", "tweets_2026_02"]
        assert places.all() == expected


def test_every_month_has_its_key_and_all_indexes(engine: Engine) -> None:
    move(engine, AFTER)

    schema = inspect(engine)
    for name in ("tweets_2010_11", "tweets_2025_12", "tweets_2026_01", "tweets_2026_02"):
        assert schema.get_pk_constraint(name)["constrained_columns"] == ["source", "external_id"]
        assert len(schema.get_indexes(name)) == len(schema.get_indexes("tweets")) == 4


def test_the_way_back_leaves_one_table_as_it_was(engine: Engine) -> None:
    before, keys = rows(engine), inspect(engine).get_pk_constraint("tweets")
    indexes = {index["name"] for index in inspect(engine).get_indexes("tweets")}

    move(engine, AFTER)
    move(engine, BEFORE)

    schema = inspect(engine)
    assert rows(engine) == before
    assert schema.get_pk_constraint("tweets") == keys
    assert {index["name"] for index in schema.get_indexes("tweets")} == indexes
    assert [key["referred_table"] for key in schema.get_foreign_keys("tweets")] == ["batches"]
    assert not has_months(engine)


_BATCH = text(
    "INSERT INTO batches (id, source, query, window_from, window_to, target) "
    "VALUES (:id, 'archive', '', '2010-01-01', '2027-01-01', 9)"
)
_TWEET = text(
    """
    INSERT INTO tweets VALUES (
        'archive', :id, :batch, :at, 'a1', 'Ada', E'some\ttext', 'en', 1, 2, 3, 4, true, 5, 6, 7, 8, false,
        NULL, 42, 'train', 43
    )
    """
)
