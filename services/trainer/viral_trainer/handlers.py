"""What the trainer does about a collected batch."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid5

import structlog
from viral_common.artefact.files import CARD
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, Training, Verdict
from viral_common.errors import NotYet, ServerAway, Unusable
from viral_common.events import BatchCollected, Event, ModelTrained
from viral_common.registry.runs import Run, Runs
from viral_common.registry.versions import BATCH_ID, SOURCE, RegisteredVersion, Registry
from viral_common.stores import ledger
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.tweet import take_inputs

from viral_trainer.data.window import Window, find_obstacle, read_window
from viral_trainer.model.base_model import BaseModel
from viral_trainer.model.export import TrainedModel, export
from viral_trainer.model.model_card import strip_front_matter
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.fit import fit, list_params

log = structlog.get_logger()

# Real tweets the exported model is compared with torch on.
PARITY_TWEETS = 256


@dataclass(frozen=True)
class Trainer:
    """One registered version per collected batch, in the batches' order, however often the event comes."""

    sessions: Sessions
    tweets: TweetStore
    runs: Runs
    registry: Registry
    find_base: Callable[[], BaseModel]
    settings: TrainerSettings
    report: Callable[[Run, Batch], None]

    def on_batch_collected(self, event: BatchCollected) -> list[Event]:
        """Train on the window that ends with the batch; register the challenger."""
        with self.sessions() as session:
            training = ledger.find_training(session, event.id)
        if training is not None:
            return [_build_event(training)]
        started_at = datetime.now(UTC)
        version = self.registry.find_version(event.id) or self._train(event)
        return [_build_event(self._conclude(event, version, started_at))] if version else []

    def on_dead_lettered(self, event: BatchCollected, reason: str) -> None:
        """Record that the batch led to no model, where there is a batch, and leave nothing half made."""
        if self.tweets.find_batch(event.batch_id) is not None:
            self._record(event, "failed", reason)
        shutil.rmtree(self._scratch(event), ignore_errors=True)
        try:
            self.runs.mark_failed(event.id)
        except ServerAway as error:
            log.warning("the run still looks as if it were training", reason=str(error))

    def _train(self, event: BatchCollected) -> RegisteredVersion | None:
        window = read_window(self.tweets, self._batch_in_turn(event), self.settings)
        if why := find_obstacle(window, self.settings):
            self._record(event, "untrainable", why)
            log.warning("nothing to learn", reason=why)
            return None
        base = self.find_base()
        run = self.runs.start(
            event.id, f"{event.source} {event.window_to:%Y-%m-%d}", _build_tags(event, base)
        )
        log.info("training", run_id=run.run_id, tweets=len(window.train), batches=len(window.batches))
        run.log_params(list_params(window, base, self.settings))
        self.report(run, window.batches[-1])
        model, trained = fit(window, base, self.settings, event.id, run)
        costs = {"train_seconds": trained.seconds, "tweets_per_second": trained.tweets_per_second}
        best = {f"best_val_{name}": value for name, value in model.training.metrics.items()}
        chosen = {"best_epoch": trained.epoch, "decision_threshold": model.decision_threshold}
        run.log_metrics({**best, **costs, **chosen}, trained.steps)
        run.log_table("slices.json", [one.model_dump() for one in model.training.slices])
        return self._register(event, run, model, window)

    def _register(
        self, event: BatchCollected, run: Run, model: TrainedModel, window: Window
    ) -> RegisteredVersion:
        scratch = self._scratch(event)
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        check_on = take_inputs(window.validation[:PARITY_TWEETS])
        artefact = export(model, scratch / "artefact", check_on)
        run.describe(strip_front_matter((artefact.directory / CARD).read_text()))
        version = run.register(artefact, model.training.metrics)
        log.info(
            "challenger registered", version=version.model_version, **_round_main_scores(version.metrics)
        )
        return version

    def _conclude(self, event: BatchCollected, version: RegisteredVersion, started_at: datetime) -> Training:
        # A run is finished after everything else about it: if it is, a later version may hold the alias.
        if not self.runs.is_finished(version.mlflow_run_id):
            self.registry.set_alias("challenger", version.model_version)
            self.runs.finish(version.mlflow_run_id)
        training = Training(
            event_id=event.id,
            batch_id=event.batch_id,
            model_version=version.model_version,
            mlflow_run_id=version.mlflow_run_id,
            artifact_uri=version.artifact_uri,
            artifact_sha256=version.artifact_sha256,
            metrics=version.metrics,
            started_at=started_at,
        )
        with self.sessions.begin() as session:
            ledger.record_training(session, training)
        shutil.rmtree(self._scratch(event), ignore_errors=True)
        return training

    def _scratch(self, event: BatchCollected) -> Path:
        return self.settings.data_dir / "trainer" / str(event.id)

    def _record(self, event: BatchCollected, outcome: str, reason: str) -> None:
        verdict = Verdict(
            id=uuid5(event.id, "verdict"),
            event_id=event.id,
            batch_id=event.batch_id,
            outcome=outcome,
            rule="none",
            reason=reason,
        )
        with self.sessions.begin() as session:
            ledger.record_verdict(session, verdict)

    def _batch_in_turn(self, event: BatchCollected) -> Batch:
        batch = self.tweets.find_batch(event.batch_id)
        if batch is None:
            raise Unusable(f"batch {event.batch_id} does not exist")
        with self.sessions() as session:
            earlier = ledger.find_unsettled_batches(session, batch, self.settings.order_wait)
        if earlier:
            raise NotYet(f"batch {earlier[0]} is trained first")
        return batch


def _build_event(training: Training) -> ModelTrained:
    return ModelTrained(
        batch_id=training.batch_id,
        model_version=training.model_version,
        mlflow_run_id=training.mlflow_run_id,
        artifact_uri=training.artifact_uri,
        artifact_sha256=training.artifact_sha256,
        metrics=training.metrics,
    )


def _build_tags(event: BatchCollected, base: BaseModel) -> dict[str, str]:
    return {
        BATCH_ID: str(event.batch_id),
        SOURCE: event.source,
        "viral.query": event.query,
        "viral.base_model_source": base.source,
    }


def _round_main_scores(metrics: dict[str, float]) -> dict[str, float]:
    return {name: round(metrics[name], 4) for name in ("auc", "average_precision", "log_loss", "ece")}
