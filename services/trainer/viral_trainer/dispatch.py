"""Give each batch to a training in a process of its own, once all that can be known without it speaks for that."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from viral_common.errors import NotYet, ViralError
from viral_common.events import BatchCollected, Event

from viral_trainer import telemetry
from viral_trainer.handlers import Store, build_event, build_verdict, require_batch

log = structlog.get_logger()


@dataclass
class Dispatcher:
    """Stay small and alive: what torch, scikit-learn and MLflow take is taken by the training alone."""

    store: Store
    run_job: Callable[[dict[str, Any]], Any]  # in a process of its own
    check_mlflow: Callable[[], None]
    folder: Path  # of all trainings
    base: dict[str, Any]
    room: int  # bytes
    doing: str = field(default="waits for a batch", init=False)

    def on_batch_collected(self, event: BatchCollected) -> list[Event]:
        """Train on the window that ends with the batch; register the challenger."""
        state = self.store.read_state(event)
        if state.training is None:
            require_batch(event, state)
            self._train(event)
            state = self.store.read_state(event)
        return [build_event(state.training)] if state.training else []

    def on_dead_lettered(self, event: BatchCollected, reason: str) -> None:
        """Record that the batch led to no model, where there is a batch, and leave nothing half made."""
        if self.store.read_state(event).batch is not None:
            self.store.record_verdict(build_verdict(event, "failed", reason))
        folder = self.folder / str(event.id)
        if not folder.exists():  # nothing was begun here
            return
        shutil.rmtree(folder, ignore_errors=True)
        try:
            self._run("give_up", event)
        except ViralError as error:
            log.warning("the run still looks as if it were training", reason=str(error))

    def _train(self, event: BatchCollected) -> None:
        folder = self.folder / str(event.id)
        try:
            self._require_room(folder)
            self.check_mlflow()
            self.doing = f"training since {datetime.now(UTC):%H:%M:%S} UTC"
            telemetry.REPORTS_FAILED.inc(self._run("train", event, base=self.base, folder=str(folder)))
            shutil.rmtree(folder, ignore_errors=True)
            self.doing = "waits for a batch"
        except ViralError as error:
            self.doing = str(error)
            raise

    def _require_room(self, folder: Path) -> None:
        own = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        if (free := shutil.disk_usage(self.folder).free + own) < self.room:
            raise NotYet(
                f"no room to train: {free >> 20:,} MiB are free in {self.folder}, {self.room >> 20:,} are needed; "
                "make room there, or set VIRAL_DATA_DIR to a larger disk"
            )

    def _run(self, job: str, event: BatchCollected, **more: Any) -> Any:
        sent = {**event.model_dump(mode="json"), "id": str(event.id)}  # without this it would get another
        return self.run_job(
            {"job": job, "event": sent, "log": structlog.contextvars.get_contextvars(), **more}
        )
