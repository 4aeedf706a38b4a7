"""Evaluation: tweets scored in length-bucketed chunks against one row at a time, as the student project did."""

from __future__ import annotations

from pathlib import Path

from viral_common.artefact.files import GRAPHS, Artefact
from viral_common.artefact.predictor import Predictor
from viral_trainer.model.export import export

from tests.bench.figures import Figure, best_rate
from tests.bench.tweets import some_tweets, untrained_model

TWEETS = 4000
ROWS = 800
TARGET = 5000
MEGABYTE = 1e6


def measure(scratch: Path) -> list[Figure]:
    """The real architecture at its real size; what the weights are does not matter to its speed."""
    inputs = [tweet.input for tweet in some_tweets(TWEETS)]
    artefact = export(untrained_model(), scratch / "artefact")
    fp32, int8 = Predictor.load(artefact), Predictor.load(artefact, "int8")

    row_by_row = best_rate(ROWS, lambda: [fp32.predict([one]) for one in inputs[:ROWS]])
    alone = best_rate(ROWS, lambda: [int8.predict([one]) for one in inputs[:ROWS]])
    in_fp32 = best_rate(TWEETS, lambda: fp32.predict(inputs))
    in_int8 = best_rate(TWEETS, lambda: int8.predict(inputs))

    return [
        _rate("evaluation", in_fp32, "the same model, row by row", row_by_row),
        _rate("evaluation in int8, as served", in_int8, "the same model in fp32", in_fp32),
        Figure(
            "one tweet at a time in int8",
            alone,
            "tweets/s",
            "the same model in fp32",
            row_by_row,
            "≥ 1×",
            alone >= row_by_row,
        ),
        _size(artefact),
    ]


def _rate(name: str, value: float, rival: str, rival_value: float) -> Figure:
    return Figure(name, value, "tweets/s", rival, rival_value, f"≥ {TARGET:,} tweets/s", value >= TARGET)


def _size(artefact: Artefact) -> Figure:
    fp32, int8 = ((artefact.directory / name).stat().st_size / MEGABYTE for name in GRAPHS.values())
    return Figure(
        "graph in int8", int8, "MB", "in fp32", fp32, "≤ 1/3", int8 <= fp32 / 3, less_is_better=True
    )
