"""Evaluation: tweets scored in length-bucketed chunks against one row at a time, as the student project did."""

from __future__ import annotations

from pathlib import Path

from viral_common.predictor import Predictor
from viral_trainer.export import export

from tests.bench.figures import Figure, best_rate
from tests.bench.tweets import some_tweets, untrained_model

TWEETS = 4000
ROWS = 800
TARGET = 5000


def measure(scratch: Path) -> list[Figure]:
    """The real architecture at its real size; what the weights are does not matter to its speed."""
    inputs = [tweet.input for tweet in some_tweets(TWEETS)]
    predictor = Predictor.load(export(untrained_model(), scratch / "artefact"))

    rate = best_rate(TWEETS, lambda: predictor.predict(inputs))
    row_by_row = best_rate(ROWS, lambda: [predictor.predict([one]) for one in inputs[:ROWS]])

    return [
        Figure(
            "evaluation",
            rate,
            "tweets/s",
            "the same model, row by row",
            row_by_row,
            f"≥ {TARGET:,} tweets/s",
            rate >= TARGET,
        )
    ]
