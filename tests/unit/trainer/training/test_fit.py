"""From a window of tweets to a trained model, as the settings say."""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

import pytest
from viral_common.database.tables import Batch
from viral_trainer.data.window import Window
from viral_trainer.settings import OfflineSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.factories import make_base_model, make_labelled_tweets


@pytest.mark.parametrize(("asked", "layers"), [({}, 1), ({"encoder_layers": 2}, 2)])
def test_so_many_layers_are_trained_and_recorded(tmp_path: Path, asked: dict[str, int], layers: int) -> None:
    learned, validation = make_labelled_tweets(300, 1), make_labelled_tweets(100, 2)
    first, last = learned[0].input.created_at, validation[-1].input.created_at
    window = Window(
        [Batch(id=UUID(int=0), source="archive", window_from=first, window_to=last)], learned, validation
    )
    settings = OfflineSettings().model_copy(update={"train_threads": 1, **asked})

    model, _ = fit(window, make_base_model(tmp_path / "base", layers=3), settings, UUID(int=1), NoProgress())

    assert len(model.network.encoder.encoder.layer) == layers
    assert model.network.to_config()["encoder"]["num_hidden_layers"] == layers
    assert model.training.recipe["encoder_layers"] == layers
