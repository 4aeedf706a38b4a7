"""Run the trainer: `viral-trainer run`."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

from viral_common.child import run_in_child
from viral_common.delivery.service import Service
from viral_common.events import BatchCollected
from viral_common.logging import configure_logging
from viral_common.registry.versions import Registry
from viral_common.settings import load_settings

from viral_trainer.data.store import TrainingStore
from viral_trainer.dispatch import Dispatcher
from viral_trainer.settings import TrainerSettings


def main() -> None:
    """Train on each collected batch until stopped."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer", settings)
    found = run_job({"job": "find_base"})  # a wrong name is reported now, not with the first batch
    with Service("trainer", settings) as service:
        dispatcher = Dispatcher(
            TrainingStore(service.sessions, settings),
            partial(run_job, stopping=service.stopping),
            Registry(settings.mlflow_url).check,
            settings.data_dir / "trainer",
            **found,
        )
        service.handle(BatchCollected, dispatcher.on_batch_collected, dispatcher.on_dead_lettered)
        service.watch(list, lambda: dispatcher.doing)
        service.run()


def run_job(request: dict[str, Any], stopping: threading.Event | None = None) -> Any:
    """Run a job of `viral_trainer.job` in a process of its own."""
    return run_in_child("viral_trainer.job", request, "the training", stopping=stopping)
