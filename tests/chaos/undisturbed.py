"""Collect the same days without faults, into a database of their own, to compare with."""

from __future__ import annotations

import threading
from datetime import date

from sqlalchemy import Engine, text
from viral_common.database.engine import connect_to, make_sessions, migrate
from viral_common.tweets.label_rule import LabelRule
from viral_scraper.collecting.collector import Collector
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.simulated import SimulatedSource
from viral_scraper.stores.batches import BatchStore

from tests.chaos.facts import read_rows
from tests.chaos.invariants import Undisturbed
from tests.chaos.pipeline import SETTINGS


class Reference:
    """Keep up with the days that the pipeline was given."""

    def __init__(self, database_url: str) -> None:
        self._engine: Engine = connect_to(database_url, "chaos reference")
        migrate(self._engine)

    def collect(self, first_day: date, days: int) -> Undisturbed:
        """Collect these days as well; return all that was collected so far."""
        defaults = ScraperSettings.model_fields
        source = SimulatedSource(
            defaults["simulation_seed"].default, first_day, days, int(SETTINGS["VIRAL_BATCH_SIZE"])
        )
        collector = Collector(
            source=source,
            batches=BatchStore(make_sessions(self._engine), source.name, source.query),
            emit=lambda *_: None,
            report=lambda *_: None,
            batch_size=int(SETTINGS["VIRAL_BATCH_SIZE"]),
            label_rule=LabelRule(defaults["likes_threshold"].default, defaults["min_age"].default),
        )
        while collector.collect_next(threading.Event()) is not None:
            pass
        rows = read_rows(self._engine)
        return Undisturbed(
            {row["batch"]: row["digest"] for row in rows["batches"]}, rows["tweets"], rows["profiles"]
        )

    def count_batches(self) -> int:
        """Count what was collected so far."""
        with self._engine.connect() as connection:
            return int(connection.scalar(text("SELECT count(*) FROM batches")) or 0)
