from __future__ import annotations

from pathlib import Path

import pytest
from viral_common.database.engine import Sessions
from viral_common.registry.runs import Runs
from viral_common.registry.versions import Registry
from viral_common.settings import CommonSettings
from viral_common.stores.tweets import TweetStore
from viral_trainer.handlers import Trainer
from viral_trainer.settings import TrainerSettings

from tests.factories import make_base_model


@pytest.fixture
def trainer(db: Sessions, settings: CommonSettings, tmp_path: Path) -> Trainer:
    """Real Postgres, real MLflow, a narrow network of random weights; no reports."""
    base = make_base_model(tmp_path / "base")
    own = TrainerSettings.model_validate({**settings.model_dump(), "train_threads": 1, "head_lr": 1e-2})
    registry, runs = Registry(settings.mlflow_url), Runs(settings.mlflow_url)
    return Trainer(db, TweetStore(db), runs, registry, lambda: base, own, lambda *_: None)
