"""A report that fails costs nobody a training; a server that is away is waited for."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from viral_common.database.tables import Batch
from viral_common.errors import RegistryUnavailable
from viral_common.stores.tweet_columns import TweetColumns
from viral_common.stores.tweets import TweetStore
from viral_trainer.eda.on_run import BatchReports
from viral_trainer.settings import OfflineSettings

from tests.factories import START, make_some_columns

BATCH = Batch(
    id="0190",
    source="archive",
    query="oil",
    window_from=START,
    window_to=START + timedelta(days=1),
    filtered={},
)


class FakeStore:
    """A store with the first batch of a source."""

    def find_window(self, batch: Batch, size: int) -> list[Batch]:
        return [batch]

    def read_columns(self, *_: object) -> TweetColumns:
        return make_some_columns(60)

    def count(self, *_: object) -> int:
        return 60


class FakeRun:
    """Keeps what is logged, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.texts: dict[str, str] = {}

    def log_metrics(self, metrics: object, step: int) -> None:
        raise AssertionError("a first batch has no drift")

    def log_text(self, name: str, text: str) -> None:
        if self.error:
            raise self.error
        self.texts[name] = text


def make_reports() -> BatchReports:
    return BatchReports(cast(Any, None), cast(TweetStore, FakeStore()), OfflineSettings())


def count_failures() -> float:
    return REGISTRY.get_sample_value("viral_reports_failed_total") or 0


def test_a_first_batch_has_a_report_without_drift() -> None:
    run = FakeRun()

    make_reports().put_on(run, BATCH)

    assert "There is no earlier batch" in run.texts["eda.html"]


def test_a_report_that_fails_is_counted_and_not_raised() -> None:
    before = count_failures()

    make_reports().put_on(FakeRun(ValueError("a plot of nothing")), BATCH)

    assert count_failures() == before + 1


def test_a_server_that_is_away_is_waited_for() -> None:
    before = count_failures()

    with pytest.raises(RegistryUnavailable):
        make_reports().put_on(FakeRun(RegistryUnavailable("MLflow does not answer")), BATCH)

    assert count_failures() == before
