"""`VIRAL_BASE_MODEL=... python -m tests.bench.encoders`: what a tweet costs by the settings, and by the default."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from rich.console import Console
from viral_common.artefact.predictor import Predictor
from viral_trainer.data.window import Window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.model.export import export
from viral_trainer.settings import OfflineSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.bench.figures import Figure, best_rate
from tests.bench.tweets import some_tweets

LEARNED, VALIDATION, ASKED = 1024, 256, 512
SETTINGS = ("base_model", "encoder_layers", "frozen_layers", "encoder_lr")


def measure(scratch: Path) -> list[Figure]:
    """Steps of training alone; text to probability for one tweet a call, and for many."""
    chosen = OfflineSettings()
    default = chosen.model_copy(
        update={name: OfflineSettings.model_fields[name].default for name in SETTINGS}
    )
    ours = _measure(chosen, scratch / "chosen")
    theirs = _measure(default, scratch / "default")
    return [
        Figure(name, value, unit, "the default encoder", theirs[name, unit], "", True, less_is_better=True)
        for (name, unit), value in ours.items()
    ]


def _measure(settings: OfflineSettings, directory: Path) -> dict[tuple[str, str], float]:
    tweets = some_tweets(LEARNED + VALIDATION)
    window = Window.from_tweets(tweets[:-VALIDATION], tweets[-VALIDATION:])
    base = find_base_model(settings.base_model)
    once = settings.model_copy(update={"train_epochs": 1})
    model, trained = fit(window, base, once, UUID(int=0), NoProgress())
    predictor, inputs = Predictor.load(export(model, directory)), [one.input for one in tweets[-ASKED:]]
    alone = best_rate(64, lambda: [predictor.predict([one]) for one in inputs[:64]])
    together = best_rate(ASKED, lambda: predictor.predict(inputs))
    return {
        ("training", "ms a tweet and pass"): 1000 / trained.tweets_per_second,
        ("serving, one tweet a call", "ms a tweet"): 1000 / alone,
        (f"serving, {ASKED} tweets a call", "ms a tweet"): 1000 / together,
        ("graph in fp32", "MB"): (directory / "model.onnx").stat().st_size / 1e6,
    }


def main() -> None:
    """Print one line for each figure."""
    with TemporaryDirectory() as folder:
        for figure in measure(Path(folder)):
            Console().print(" | ".join(figure.cells()), soft_wrap=True)


if __name__ == "__main__":
    main()
