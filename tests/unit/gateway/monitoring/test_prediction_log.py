"""A prediction is neither slowed nor failed by being logged."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import cast

import pytest
from prometheus_client import REGISTRY
from starlette.testclient import TestClient
from viral_common.database.engine import Sessions
from viral_common.tweets.features import TweetInput
from viral_gateway.app import create_app
from viral_gateway.monitoring.prediction_log import MOST_WAITING, PredictionLog
from viral_gateway.stores import predictions
from viral_gateway.stores.predictions import LoggedPrediction

from tests.eventually import eventually
from tests.unit.gateway.fakes import NOON, FakeGateway, make_settings

TWEETS = [TweetInput("hello", NOON)] * 100


class Table:
    """Hold what would be in Postgres; `open` lets writers through."""

    def __init__(self) -> None:
        self.rows: list[LoggedPrediction] = []
        self.broken = False
        self.asked, self.open = threading.Event(), threading.Event()
        self.open.set()

    @contextmanager
    def begin(self) -> Iterator[None]:
        self.asked.set()
        self.open.wait(10)
        yield

    def add_predictions(self, _session: None, made: Sequence[LoggedPrediction]) -> None:
        if self.broken:
            raise ValueError("a fault of ours")
        self.rows += made


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Table:
    table = Table()
    monkeypatch.setattr(predictions, "add_predictions", table.add_predictions)
    return table


def make_log(table: Table, **settings: object) -> PredictionLog:
    return PredictionLog(cast(Sessions, table), make_settings(**{"log_predictions": True, **settings}))


def count_dropped(reason: str) -> float:
    name = "viral_gateway_predictions_not_remembered_total"
    return REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0


def test_nothing_is_logged_unless_asked(table: Table) -> None:
    log = make_log(table, log_predictions=False)

    log.record(3, TWEETS, [0.5] * 100)
    log.write()

    assert table.rows == []


def test_while_postgres_hangs_predictions_go_on_and_what_has_no_room_is_counted(table: Table) -> None:
    log, before = make_log(table), count_dropped("full")
    table.open.clear()
    log.record(3, TWEETS, [0.5] * 100)
    writer = threading.Thread(target=log.write)
    writer.start()
    table.asked.wait(5)

    began = time.perf_counter()
    for _ in range(MOST_WAITING // 100 + 5):
        log.record(3, TWEETS, [0.5] * 100)
    took_s = time.perf_counter() - began
    table.open.set()
    writer.join(5)
    log.write()

    assert took_s < 1
    assert count_dropped("full") == before + 500
    assert len(table.rows) == MOST_WAITING + 100


def test_a_fault_in_writing_is_counted_and_the_next_predictions_are_written(table: Table) -> None:
    log, before = make_log(table), count_dropped("failed")
    table.broken = True
    log.record(3, TWEETS, [0.5] * 100)
    log.write()

    table.broken = False
    log.record(3, TWEETS, [0.5] * 100)
    log.write()

    assert count_dropped("failed") == before + 100
    assert len(table.rows) == 100


def test_what_waits_at_the_end_is_still_written(table: Table) -> None:
    log, stopping = make_log(table), threading.Event()
    writer = threading.Thread(target=log.run, args=(stopping,))
    writer.start()

    log.record(3, TWEETS, [0.5] * 100)
    stopping.set()

    eventually(lambda: len(table.rows) == 100)
    writer.join(5)


def test_the_tweets_that_were_asked_about_are_logged_not_the_variants_that_explain_them(
    fake_gateway: FakeGateway, table: Table
) -> None:
    fake_gateway.settings, fake_gateway.sessions = {"log_predictions": True}, cast(Sessions, table)
    fake_gateway.serve(version=3, base=0.25)
    gateway = fake_gateway.build()
    with TestClient(create_app(gateway)) as client:
        asked = {"tweets": [{"text": "one good day"}, {"text": "another"}], "explain": True}
        client.post("/v1/predictions", json=asked).raise_for_status()
        client.post("/", data={"text": "from the form"}).raise_for_status()

    gateway.predictions.log.write()

    assert [(row.tweet.text, row.probability, row.model_version) for row in table.rows] == [
        ("one good day", 0.45, 3),
        ("another", 0.25, 3),
        ("from the form", 0.25, 3),
    ]
