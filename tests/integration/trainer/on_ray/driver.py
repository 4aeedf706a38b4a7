"""Train on a cluster as the trainer's child does, without servers: for `run_in_child`, which raises its errors."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

from viral_common.child import answer_parent
from viral_trainer.data.window import Window
from viral_trainer.job import join_cluster
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import OfflineSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.factories import make_labelled_tweets


def work(request: dict[str, Any]) -> dict[str, Any]:
    """Join, train, and say what came of it; `version` and `program` pretend to be others."""
    settings = OfflineSettings(train_threads=1, **request["settings"])
    if "version" in request:  # with the token, for Ray looks for that when it is imported
        os.environ["RAY_AUTH_MODE"] = "token"
        vars(import_module("ray"))["__version__"] = request["version"]
    cluster = join_cluster(settings)
    if "program" in request:
        vars(sys.modules["viral_trainer.training.ray_cluster"])["digest_program"] = lambda: request["program"]
    tweets = make_labelled_tweets(request.get("tweets", 600))
    window = Window.from_tweets(tweets[:-200], tweets[-200:])
    kept: list[int] = []

    def keep(state: dict[str, Any]) -> None:
        kept.append(state["step"])
        if marker := request.get("marker"):
            Path(marker).touch()

    base = find_base_model(request["base"])
    _, trained = fit(window, base, settings, UUID(int=0), NoProgress(), keep=keep, cluster=cluster)
    return {"auc": trained.scores["auc"], "place": trained.place, "kept": kept}


if __name__ == "__main__":
    answer_parent(work)
