"""The product's own recipe, answering through the very files that would be served."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from viral_common.artefact.predictor import Predictor
from viral_common.database.tables import Batch

from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.data.window import Window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.model.export import export
from viral_trainer.settings import OfflineSettings
from viral_trainer.training.fit import NoProgress, fit

# No event caused this training; its artefact is gone as soon as it is loaded.
NOBODYS = UUID(int=0)


def learn(parts: Parts, settings: OfflineSettings) -> Predict:
    """As a batch would be learned."""
    batch = Batch(
        id=NOBODYS,
        source="archive",
        window_from=parts.train[0].input.created_at,
        window_to=parts.train[-1].input.created_at,
    )
    window = Window([batch], parts.train, parts.validation)
    model, _ = fit(window, find_base_model(settings.base_model), settings, NOBODYS, NoProgress())
    with TemporaryDirectory() as folder:
        return Predictor.load(export(model, Path(folder) / "artefact")).predict
