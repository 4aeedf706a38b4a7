"""`python -m tests.bench.trainer_memory DATABASE_URL BATCHES FOLDER`: read, begin to train, print the peak in MB."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from uuid import UUID

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the trainer's command does

import viral_trainer.main  # noqa: F401  (all that the service has loaded)
from viral_common.database import connect, sessions
from viral_common.tweet_store import TweetStore
from viral_trainer.base_model import find_base_model
from viral_trainer.compare.measuring import peak_mb
from viral_trainer.fit import fit
from viral_trainer.settings import OfflineSettings
from viral_trainer.window import read_window

STEPS = 100


class Enough(Exception):
    """Ends a training that has shown what it needs."""


class Until:
    """Curves that end the training after some steps."""

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Raise `Enough` in time."""
        if step >= STEPS:
            raise Enough


def main(database_url: str, batches: str, folder: str) -> None:
    """The real path from Postgres to the network."""
    settings = OfflineSettings.model_validate(
        {"database_url": database_url, "window_batches": int(batches), "data_dir": Path(folder)}
    )
    tweets = TweetStore(sessions(connect(settings, "bench")))
    newest = tweets.newest()
    assert newest is not None
    window = read_window(tweets, newest, settings)
    try:
        fit(
            window,
            find_base_model(settings.base_model),
            settings,
            UUID(int=0),
            Until(),
            settings.token_folder,
        )
    except Enough:
        print(peak_mb())  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
