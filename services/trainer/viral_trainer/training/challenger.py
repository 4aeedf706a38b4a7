"""Train a challenger and register it in MLflow."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import structlog
from viral_common.artefact.files import CARD, SIGNATURE, Artefact, read_artefact
from viral_common.database.tables import Batch, Candidate
from viral_common.errors import ArtefactError
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
from viral_trainer.training.checkpoint import State, compute_key, read_checkpoint, write_checkpoint
from viral_trainer.training.fit import fit, list_params

if TYPE_CHECKING:
    from viral_trainer.training.ray_cluster import RayCluster

log = structlog.get_logger()

# Real tweets the exported model is compared with torch on.
PARITY_TWEETS = 256
ARTEFACT, CHECKPOINT = "artefact", "checkpoint"


@dataclass(frozen=True)
class MlflowChallengers:
    """Train at most one challenger per event: each step may be repeated after a crash."""

    runs: Runs
    registry: Registry
    find_base: Callable[[], BaseModel]
    settings: TrainerSettings
    report: Callable[[Run, Batch], None]
    signer: Signer | None = None
    join_cluster: Callable[[], RayCluster | None] = lambda: None

    def find(self, candidate: Candidate) -> RegisteredVersion | None:
        """Find the version that was registered of a candidate, or register what is on this machine's disk of it."""
        run_id, sha256, metrics = candidate.mlflow_run_id, candidate.artifact_sha256, candidate.metrics
        if found := self.registry.find_version(run_id, sha256, metrics):
            return found
        try:
            artefact = read_artefact(self._build_scratch_path(candidate.event_id) / ARTEFACT, sha256)
        except ArtefactError:  # of another machine
            return None
        run = self.runs.find(candidate.event_id, run_id)
        return register(run, artefact, metrics) if run else None

    def train(
        self, event: BatchCollected, window: Window, record: Callable[[Candidate], None]
    ) -> RegisteredVersion:
        """Train on the window, with curves, report and tables on a run of its own; record the export, register it."""
        base, cluster = self.find_base(), self.join_cluster()
        params = list_params(window, base, self.settings, cluster)
        scratch, key = self._build_scratch_path(event.id), compute_key(window, base, params)
        kept = read_checkpoint(scratch / CHECKPOINT, key) or {}
        tags = {
            BATCH_ID: str(event.batch_id),
            SOURCE: event.source,
            "viral.query": event.query,
            "viral.base_model_source": base.source,
        }
        name = f"{event.source} {event.window_to:%Y-%m-%d}"
        run = self.runs.start(event.id, name, tags, kept.get("run_id"))
        log.info("training", run_id=run.run_id, tweets=len(window.train), batches=len(window.batches))
        if kept.get("run_id") != run.run_id:
            run.log_params(params)
            self.report(run, window.batches[-1])

        def keep(state: State) -> None:
            scratch.mkdir(parents=True, exist_ok=True)
            write_checkpoint(scratch / CHECKPOINT, key, {**state, "run_id": run.run_id})

        model, trained = fit(window, base, self.settings, event.id, run, kept, keep, cluster)
        run.set_tag("viral.trained_on", trained.place)
        costs = {"train_seconds": trained.seconds, "tweets_per_second": trained.tweets_per_second}
        best = {f"best_val_{name}": value for name, value in model.training.metrics.items()}
        chosen = {"best_epoch": trained.epoch, "decision_threshold": model.decision_threshold}
        run.log_metrics({**best, **costs, **chosen}, trained.steps)
        run.log_table("slices.json", [one.model_dump() for one in model.training.slices])
        artefact = self._export(event.id, model, window)
        run.describe(strip_front_matter((artefact.directory / CARD).read_text()))
        metrics = dict(model.training.metrics)
        record(
            Candidate(
                event_id=event.id,
                mlflow_run_id=run.run_id,
                artifact_sha256=artefact.sha256,
                metrics=metrics,
            )
        )
        return register(run, artefact, metrics)

    def finish(self, event_id: UUID, version: RegisteredVersion) -> None:
        """Make the version the challenger, unless all was done before; remove its files from this machine."""
        # A run is finished after everything else about it: if it is, a later version may hold the alias.
        if not self.runs.is_finished(version.mlflow_run_id):
            self.registry.set_alias("challenger", version.model_version)
            self.runs.finish(version.mlflow_run_id)
        shutil.rmtree(self._build_scratch_path(event_id), ignore_errors=True)

    def _export(self, event_id: UUID, model: TrainedModel, window: Window) -> Artefact:
        directory = self._build_scratch_path(event_id) / ARTEFACT
        shutil.rmtree(directory, ignore_errors=True)  # of a run that was killed
        artefact = export(model, directory, take_inputs(window.validation[:PARITY_TWEETS]))
        if self.signer is not None:
            signature = self.signer.sign_artefact(artefact.sha256, event_id, window.batches[-1].id)
            (artefact.directory / SIGNATURE).write_bytes(signature)
        return artefact

    def _build_scratch_path(self, event_id: UUID) -> Path:
        return self.settings.data_dir / "trainer" / str(event_id)


def register(run: Run, artefact: Artefact, metrics: dict[str, float]) -> RegisteredVersion:
    """Register what was exported."""
    version = run.register(artefact, metrics)
    main = ("auc", "average_precision", "log_loss", "ece")
    rounded = {name: round(version.metrics[name], 4) for name in main}
    log.info("challenger registered", version=version.model_version, **rounded)
    return version
