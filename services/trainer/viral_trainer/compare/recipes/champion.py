"""Train the product's own recipe, and answer through the very files that would be served."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from viral_common.artefact.predictor import Predictor

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.data.window import Window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.model.export import export
from viral_trainer.settings import OfflineSettings
from viral_trainer.training.fit import NO_EVENT, NoProgress, fit


def train(parts: Parts, settings: OfflineSettings) -> Predict:
    """Train as on a batch."""
    window = Window.from_tweets(parts.train, parts.validation)
    model, _ = fit(window, find_base_model(settings.base_model), settings, NO_EVENT, NoProgress())
    with TemporaryDirectory() as folder:
        return Predictor.load(export(model, Path(folder) / "artefact")).predict
