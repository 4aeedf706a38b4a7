"""Train a challenger and register it in MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import structlog
from viral_common.artefact.files import CARD, SIGNATURE
from viral_common.database.tables import Batch, Candidate
from viral_common.errors import ServerAway
from viral_common.events import BatchCollected
from viral_common.registry.runs import Run, Runs
from viral_common.registry.versions import BATCH_ID, SOURCE, RegisteredVersion, Registry
from viral_common.signing.signer import Signer
from viral_common.tweets.tweet import take_inputs

from viral_trainer.data.window import Window
from viral_trainer.model.base_model import BaseModel
from viral_trainer.model.export import TrainedModel, export
from viral_trainer.model.model_card import strip_front_matter
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.fit import fit, list_params

log = structlog.get_logger()

# Real tweets the exported model is compared with torch on.
PARITY_TWEETS = 256


@dataclass(frozen=True)
class MlflowChallengers:
    """Train at most one challenger per event: each step may be repeated after a crash."""

    runs: Runs
    registry: Registry
    find_base: Callable[[], BaseModel]
    settings: TrainerSettings
    report: Callable[[Run, Batch], None]
    signer: Signer | None = None

    def find(self, candidate: Candidate) -> RegisteredVersion | None:
        """Find the version that was registered of a candidate."""
        return self.registry.find_version(
            candidate.mlflow_run_id, candidate.artifact_sha256, candidate.metrics
        )

    def train(
        self, event: BatchCollected, window: Window, record: Callable[[Candidate], None]
    ) -> RegisteredVersion:
        """Train on the window, with curves, report and tables on a run of its own; record the export, register it."""
        base = self.find_base()
        tags = {
            BATCH_ID: str(event.batch_id),
            SOURCE: event.source,
            "viral.query": event.query,
            "viral.base_model_source": base.source,
        }
        run = self.runs.start(event.id, f"{event.source} {event.window_to:%Y-%m-%d}", tags)
        log.info("training", run_id=run.run_id, tweets=len(window.train), batches=len(window.batches))
        run.log_params(list_params(window, base, self.settings))
        self.report(run, window.batches[-1])
        model, trained = fit(window, base, self.settings, event.id, run)
        costs = {"train_seconds": trained.seconds, "tweets_per_second": trained.tweets_per_second}
        best = {f"best_val_{name}": value for name, value in model.training.metrics.items()}
        chosen = {"best_epoch": trained.epoch, "decision_threshold": model.decision_threshold}
        run.log_metrics({**best, **costs, **chosen}, trained.steps)
        run.log_table("slices.json", [one.model_dump() for one in model.training.slices])
        return self._register(event.id, run, model, window, record)

    def finish(self, event_id: UUID, version: RegisteredVersion) -> None:
        """Make the version the challenger, unless all was done before; remove its files from this machine."""
        # A run is finished after everything else about it: if it is, a later version may hold the alias.
        if not self.runs.is_finished(version.mlflow_run_id):
            self.registry.set_alias("challenger", version.model_version)
            self.runs.finish(version.mlflow_run_id)
        shutil.rmtree(self._build_scratch_path(event_id), ignore_errors=True)

    def give_up(self, event_id: UUID) -> None:
        """Mark the event's run as failed and remove its files."""
        shutil.rmtree(self._build_scratch_path(event_id), ignore_errors=True)
        try:
            self.runs.mark_failed(event_id)
        except ServerAway as error:
            log.warning("the run still looks as if it were training", reason=str(error))

    def _register(
        self,
        event_id: UUID,
        run: Run,
        model: TrainedModel,
        window: Window,
        record: Callable[[Candidate], None],
    ) -> RegisteredVersion:
        scratch = self._build_scratch_path(event_id)
        shutil.rmtree(scratch, ignore_errors=True)  # of a run that was killed
        check_on = take_inputs(window.validation[:PARITY_TWEETS])
        artefact = export(model, scratch / "artefact", check_on)
        if self.signer is not None:
            signature = self.signer.sign_artefact(artefact.sha256, event_id, window.batches[-1].id)
            (artefact.directory / SIGNATURE).write_bytes(signature)
        run.describe(strip_front_matter((artefact.directory / CARD).read_text()))
        metrics = dict(model.training.metrics)
        record(
            Candidate(
                event_id=event_id,
                mlflow_run_id=run.run_id,
                artifact_sha256=artefact.sha256,
                metrics=metrics,
            )
        )
        version = run.register(artefact, metrics)
        main = ("auc", "average_precision", "log_loss", "ece")
        rounded = {name: round(version.metrics[name], 4) for name in main}
        log.info("challenger registered", version=version.model_version, **rounded)
        return version

    def _build_scratch_path(self, event_id: UUID) -> Path:
        return self.settings.data_dir / "trainer" / str(event_id)
