"""`python -m tests.bench.trainer_memory DATABASE_URL BATCHES TWEETS FOLDER`: all but most steps; the peak in MB."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import UUID

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the trainer's command does

import numpy as np
import viral_trainer.main  # noqa: F401  (all that the service has loaded)
from viral_common.database.engine import connect, make_sessions
from viral_common.stores.tweets import TweetStore
from viral_trainer.compare.measuring import measure_peak_mb
from viral_trainer.data.examples import Examples
from viral_trainer.data.window import read_window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.settings import OfflineSettings
from viral_trainer.training.fit import fit
from viral_trainer.training.loop import Trained, train

STEPS = 100


class Enough(Exception):
    """Ends the steps, which have shown what they need."""


class StopInTime:
    """End the steps in time."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Raise `Enough` in time."""
        if step >= STEPS:
            raise Enough


def train_briefly(
    network: ViralityNetwork, examples: Examples, validation: Examples, *rest: Any, **more: Any
) -> Trained:
    """`train`, as if it were over after STEPS: what follows takes more memory than further steps."""
    try:
        return train(network, examples, validation, *rest, **more)
    except Enough:
        network.eval()
        logits = np.zeros((2, len(validation)), np.float32)
        return Trained(logits, {}, epoch=1.0, steps=STEPS, seconds=1.0, tweets_per_second=1.0)


def main(database_url: str, batches: str, tweets: str, folder: str) -> None:
    """The real path from Postgres to the calibrated model."""
    settings = OfflineSettings.model_validate(
        {"database_url": database_url, "window_batches": int(batches), "data_dir": Path(folder)}
    )
    store = TweetStore(make_sessions(connect(settings, "bench")))
    newest = store.find_newest_batch()
    assert newest is not None
    window = read_window(store, newest, settings)
    assert sum(batch.tweet_count for batch in window.batches) == int(tweets), window.batches
    base = find_base_model(settings.base_model)
    with patch("viral_trainer.training.fit.train", train_briefly):
        fit(window, base, settings, UUID(int=0), StopInTime())
    print(measure_peak_mb())  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
