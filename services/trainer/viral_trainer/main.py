"""Run the trainer: `viral-trainer run`."""

from __future__ import annotations

from functools import partial

from viral_common.delivery.service import Service
from viral_common.events import BatchCollected
from viral_common.logging import configure_logging
from viral_common.registry.runs import Runs
from viral_common.registry.versions import Registry
from viral_common.settings import load_settings
from viral_common.signing.signer import make_signer
from viral_common.stores.tweets import TweetStore

from viral_trainer.data.store import TrainingStore
from viral_trainer.eda.on_run import BatchReports
from viral_trainer.handlers import Trainer
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.challenger import MlflowChallengers


def main() -> None:
    """Train on each collected batch until stopped."""
    settings = load_settings(TrainerSettings)
    configure_logging("trainer", settings)
    find_base = partial(find_base_model, settings.base_model)
    signer = make_signer(settings)
    find_base()  # a wrong name is reported now, not with the first batch
    with Service("trainer", settings) as service:
        registry, runs = Registry(settings.mlflow_url), Runs(settings.mlflow_url)
        report = BatchReports(service.sessions, TweetStore(service.sessions), settings).put_on
        challengers = MlflowChallengers(runs, registry, find_base, settings, report, signer)
        trainer = Trainer(TrainingStore(service.sessions, settings), challengers, settings)
        service.handle(BatchCollected, trainer.on_batch_collected, trainer.on_dead_lettered)
        service.run()
