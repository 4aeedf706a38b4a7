"""SplitBy good the predictions are on real tweets, each figure beside the best simple rival of the same run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import numpy as np
from rich.console import Console
from viral_common.archive.bad_rows import BadRows
from viral_common.evaluation.scores import compute_scores
from viral_common.tweets.label_rule import LabelRule
from viral_trainer.compare.comparison import Comparison, compare
from viral_trainer.compare.contenders import choose_contenders
from viral_trainer.compare.parts import SplitBy
from viral_trainer.data.tweet_files import read_originals
from viral_trainer.settings import OfflineSettings

from tests.bench.figures import Figure
from tests.conftest import TEST_DATA

# Quick to train; Doc2Vec and the frozen BERT are weaker than the best of these (docs/comparing.md runs them all).
TEXT_RIVALS = ("trees", "tfidf")
MODELS = "trees,tfidf,trees+author,champion,champion-no-author"
MEAN = "mean of trees and tfidf"

Scores = dict[str, dict[str, float]]
"""Figures by contender."""


def measure(_scratch: Path) -> list[Figure]:
    """By time the first 80% are learned from, the rest judged on; none without real tweets."""
    if missing := [name for name in ("ukraine_oil", "covid2020") if not _find_file(name).exists()]:
        Console().print(f"quality is not measure_training: no {' and no '.join(missing)} in {TEST_DATA}")
        return []
    e1 = _compare_models("ukraine_oil", "time")
    random = _compare_models("ukraine_oil", "random")
    covid = _compare_models("covid2020", "random")
    with_author, without = (*TEXT_RIVALS, MEAN, "trees+author"), (*TEXT_RIVALS, MEAN)
    best_on_covid = max(covid[rival]["auc"] for rival in with_author)
    return [
        _make_figure(
            "ukraine_oil, last 20% by time, username known", e1, "champion", with_author, "auc", 0.785
        ),
        _make_figure(
            "ukraine_oil, last 20% by time, username known", e1, "champion", with_author, "accuracy", 0.70
        ),
        _make_figure(
            "ukraine_oil, last 20% by time, no username", e1, "champion-no-author", without, "auc", 0.68
        ),
        _make_figure(
            "ukraine_oil, random 20%, no username", random, "champion-no-author", without, "auc", 0.72
        ),
        _make_figure(
            "covid2020, random 20%, username known",
            covid,
            "champion",
            with_author,
            "auc",
            best_on_covid + 0.02,
        ),
        _make_calibration_figure("ukraine_oil, last 20% by time, username known", e1),
        _make_calibration_figure("ukraine_oil, random 20%, username known", random),
    ]


def _find_file(name: str) -> Path:
    return TEST_DATA / f"{name}.jsonl.gz"


def _compare_models(name: str, how: SplitBy) -> Scores:
    settings = OfflineSettings()
    tweets = read_originals(_find_file(name), BadRows(), LabelRule(0, timedelta(days=1)))
    comparison = compare(tweets, choose_contenders(MODELS), how, settings, lambda _: None, lambda _: None)
    found = {result.contender.name: result.scores for result in comparison.results}
    return {**found, MEAN: _score_mean(comparison)}


def _score_mean(comparison: Comparison) -> dict[str, float]:
    answers = [one.probabilities for one in comparison.results if one.contender.name in TEXT_RIVALS]
    return compute_scores(comparison.labels, np.mean(answers, axis=0))


def _make_figure(
    what: str, found: Scores, ours: str, rivals: Iterable[str], score: str, target: float
) -> Figure:
    best = max(rivals, key=lambda rival: found[rival][score])
    value = found[ours][score]
    unit = {"auc": "AUC"}.get(score, score)
    return Figure(what, value, unit, best, found[best][score], f"≥ {target:.3f}", value >= target)


def _make_calibration_figure(what: str, found: Scores) -> Figure:
    value, rival = found["champion"]["ece"], found["trees+author"]["ece"]
    return Figure(what, value, "ECE", "trees+author", rival, "≤ 0.020", value <= 0.02, less_is_better=True)
