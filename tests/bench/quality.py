"""How good the predictions are on real tweets, each figure beside the best simple rival of the same run."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
from rich.console import Console
from sklearn.model_selection import GroupKFold
from viral_common.archive.bad_rows import BadRows
from viral_common.evaluation.scores import compute_scores
from viral_common.evaluation.within_author import compute_within_author, freeze_authors
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_common.tweets.tweet import LabelledTweet, stack_authors, take_inputs
from viral_trainer.compare.comparison import Comparison, compare
from viral_trainer.compare.contenders import choose_contenders
from viral_trainer.compare.parts import Parts, SplitBy
from viral_trainer.compare.recipes import trees
from viral_trainer.data.tweet_files import read_originals
from viral_trainer.data.window import Window
from viral_trainer.model.base_model import find_base_model
from viral_trainer.settings import DEFAULT_BASE_MODEL, OfflineSettings
from viral_trainer.training.fit import NoProgress, fit

from tests.bench.figures import Figure
from tests.conftest import TEST_DATA

# Quick to train; Doc2Vec and the frozen BERT are weaker than the best of these (docs/comparing.md runs them all).
TEXT_RIVALS = ("trees", "tfidf")
MODELS = "trees,tfidf,followers,trees+author,champion,champion-followers,champion-no-author"
MEAN = "mean of trees and tfidf"
OIL, COVID = "ukraine_oil_snscrape", "covid2020_v1"
FOLDS = 5

Scores = dict[str, dict[str, float]]
"""Figures by contender."""


def measure(_scratch: Path) -> list[Figure]:
    """By time the first 80% are learned from, the rest judged on; none without real tweets."""
    if missing := [name for name in (OIL, COVID) if not _find_file(name).exists()]:
        Console().print(f"quality is not measured: no {' and no '.join(missing)} in {TEST_DATA}")
        return []
    later, mixed, covid = (
        _compare_models(OIL, "time"),
        _compare_models(OIL, "random"),
        _compare_models(COVID, "random"),
    )
    named = (
        ("ukraine_oil, last 20% by time", later, 0.03),
        ("ukraine_oil, random 20%", mixed, 0.015),
        ("covid2020, random 20%", covid, 0.015),
    )
    known, nothing = ("trees+author", "followers", *TEXT_RIVALS), (*TEXT_RIVALS, MEAN)
    figures = [
        _make_figure(f"{named[0][0]}, all known", later, "champion", known, "auc", 0.855),
        _make_figure(f"{named[0][0]}, all known", later, "champion", known, "accuracy", 0.77),
        _make_figure(f"{named[1][0]}, all known", mixed, "champion", known, "auc", 0.868),
        _make_figure(f"{named[2][0]}, all known", covid, "champion", known, "auc", 0.845),
        _make_figure(
            f"{named[0][0]}, followers only", later, "champion-followers", ["followers"], "auc", 0.82
        ),
        _make_figure(f"{named[0][0]}, nothing known", later, "champion-no-author", nothing, "auc", 0.695),
    ]
    for name, found, most in named:
        for ours, what in (
            ("champion", "all known"),
            ("champion-followers", "followers only"),
            ("champion-no-author", "nothing known"),
        ):
            figures.append(_make_calibration_figure(f"{name}, {what}", found, ours, most))
    return figures + _measure_within_author()


def _measure_within_author() -> list[Figure]:
    """Of pairs of tweets by authors that were not learned from, how often the better one is called so."""
    tweets = read_originals(_find_file(OIL), BadRows(), LabelRule(0, timedelta(days=1)))
    settings, base = OfflineSettings(), find_base_model(DEFAULT_BASE_MODEL)
    paired: list[LabelledTweet] = []
    answers = []
    folds = GroupKFold(FOLDS, shuffle=True, random_state=settings.train_seed)
    for learned, asked in folds.split(tweets, groups=stack_authors(tweets)):
        parts = Parts([], [], freeze_authors([tweets[row] for row in asked]))
        for tweet in (tweets[row] for row in learned):
            validates = choose_split(compute_copy_hash(tweet.input.text)) == "validation"
            (parts.validation if validates else parts.train).append(tweet)
        window = Window.from_tweets(parts.train, parts.validation)
        model, _ = fit(window, base, settings, UUID(int=0), NoProgress())
        rival, inputs = trees.train(parts, settings), take_inputs(parts.test)
        answers.append((model.predict(inputs), model.predict_log_likes(inputs), rival(inputs)))
        paired += parts.test
    ours, likes, theirs = (np.concatenate(one) for one in zip(*answers, strict=True))
    found = compute_within_author(paired, ours, likes)
    by_trees = compute_within_author(paired, theirs)
    return [
        Figure(
            f"within an author, {what} ({found[f'{name}_authors']:.0f} authors)",
            found[f"{name}_auc"],
            "AUC",
            "trees+author",
            by_trees[f"{name}_auc"],
            f"≥ {target}",
            found[f"{name}_auc"] >= target,
        )
        for name, what, target in (
            ("within_author", "liked before not liked", 0.56),
            ("within_large", "twice the likes, usually 20 and more", 0.62),
        )
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


def _make_calibration_figure(what: str, found: Scores, ours: str, most: float) -> Figure:
    value, rival = found[ours]["ece"], found["trees+author"]["ece"]
    return Figure(
        what, value, "ECE", "trees+author", rival, f"≤ {most:.3f}", value <= most, less_is_better=True
    )
