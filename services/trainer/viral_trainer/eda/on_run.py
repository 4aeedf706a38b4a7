"""Log the report of each batch that is trained on to its run in MLflow."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import structlog
from viral_common.database.engine import POSTGRES_AWAY, Sessions
from viral_common.database.tables import Batch
from viral_common.errors import NotYet
from viral_common.settings import CommonSettings
from viral_common.stores import ledger
from viral_common.stores.tweets import TweetStore

from viral_trainer import telemetry
from viral_trainer.eda.page import render_page
from viral_trainer.eda.sources import read_batches
from viral_trainer.eda.topics.drift import Drift, compare_with_before

log = structlog.get_logger()

REPORT = "eda.html"


class Run(Protocol):
    """Accept the report: a run in MLflow, or a fake in a test."""

    def log_metrics(self, metrics: Mapping[str, float], step: int) -> None:
        """Add a point to each curve."""

    def log_text(self, name: str, text: str) -> None:
        """Keep a text as an artefact."""


@dataclass(frozen=True)
class BatchReports:
    """Describe a batch from the store."""

    sessions: Sessions
    tweets: TweetStore
    settings: CommonSettings

    def put_on(self, run: Run, batch: Batch) -> None:
        """Put the batch's report and drift on its run, and the drift beside the batch.

        Servers that are away are waited for, as by the training itself. Any other failure costs only the report: it
        is logged and counted, and the training goes on.
        """
        try:
            self._put_on(run, batch)
        except (NotYet, *POSTGRES_AWAY):
            raise
        except Exception:
            log.exception("the batch has no report; its training goes on")
            telemetry.REPORTS_FAILED.inc()

    def _put_on(self, run: Run, batch: Batch) -> None:
        described = read_batches(self.tweets, batch, 1, self.settings)
        drift = compare_with_before(described)
        if drift:
            run.log_metrics(build_drift_metrics(drift), step=0)
            with self.sessions.begin() as session:
                ledger.record_drift(session, batch.id, drift.indices)
        run.log_text(REPORT, render_page(described, drift))


def build_drift_metrics(drift: Drift) -> dict[str, float]:
    """Name the drift's values as MLflow shows them."""
    return {
        **{f"drift_psi_{name}": index for name, index in drift.indices.items()},
        "drift_viral_rate": drift.change,
        "drift_new_words": drift.novelty.share,
    }
