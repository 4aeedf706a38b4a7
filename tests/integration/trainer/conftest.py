from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from viral_common.database.engine import Sessions
from viral_common.database.tables import Training
from viral_common.events import BatchCollected
from viral_common.registry.runs import Runs
from viral_common.registry.versions import Registry
from viral_common.settings import CommonSettings
from viral_trainer.data.store import TrainingStore
from viral_trainer.handlers import Trainer
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.challenger import MlflowChallengers

from tests.factories import make_base_model
from tests.integration.delivery.running_trainer import publish_event
from tests.integration.trainer.stored_batches import store_batch
from tests.signing import TRAINER


@pytest.fixture
def registry(settings: CommonSettings) -> Registry:
    return Registry(settings.mlflow_url)


@pytest.fixture
def challengers(registry: Registry, settings: CommonSettings, tmp_path: Path) -> MlflowChallengers:
    """Real MLflow, a narrow network of random weights; no reports."""
    base = make_base_model(tmp_path / "base")
    own = TrainerSettings.model_validate({**settings.model_dump(), "train_threads": 1, "head_lr": 1e-2})
    return MlflowChallengers(Runs(settings.mlflow_url), registry, lambda: base, own, lambda *_: None, TRAINER)


@pytest.fixture
def trainer(db: Sessions, challengers: MlflowChallengers) -> Trainer:
    """Real Postgres and real MLflow."""
    return Trainer(TrainingStore(db, challengers.settings), challengers, challengers.settings)


@pytest.fixture
def event(db: Sessions, tmp_path: Path, settings: CommonSettings) -> BatchCollected:
    """A batch in the store, and its event with the broker."""
    make_base_model(tmp_path / "base")
    event = store_batch(db, count=2500)
    return event.model_copy(update={"id": publish_event(settings.rabbitmq_url.get_secret_value(), event).id})


@pytest.fixture
def find_training(db: Sessions, event: BatchCollected) -> Callable[[], Training | None]:
    def find() -> Training | None:
        with db() as session:
            return session.get(Training, event.id)

    return find
