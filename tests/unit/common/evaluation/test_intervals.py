from __future__ import annotations

import numpy as np
import pytest
from viral_common.evaluation.intervals import compute_intervals, compute_scores_with_intervals
from viral_common.evaluation.scores import compute_scores

from tests.factories import Drawn, draw_tweets

FIGURES = ("accuracy", "auc", "average_precision", "log_loss")


def test_the_true_figures_lie_in_most_intervals() -> None:
    truth = compute_scores(*draw_tweets(200_000, seed=1))
    samples = [draw_tweets(400, seed) for seed in range(2, 62)]

    found = [compute_intervals(*sample) for sample in samples]

    for name in FIGURES:
        covered = np.mean([low <= truth[name] <= high for low, high in (one[name] for one in found)])
        assert 0.85 < covered <= 1, name


def test_more_tweets_make_narrower_intervals_around_the_same_figure() -> None:
    few, many = compute_intervals(*draw_tweets(500, seed=1)), compute_intervals(*draw_tweets(8_000, seed=1))

    for name in FIGURES:
        assert many[name][1] - many[name][0] < 0.5 * (few[name][1] - few[name][0])


def test_equal_probabilities_rank_no_tweet_before_another() -> None:
    labels = np.array([True, False] * 50)

    low, high = compute_intervals(labels, np.full(100, 0.3))["auc"]

    assert low == high == 0.5


@pytest.mark.parametrize("viral", [True, False])
def test_one_class_has_no_interval_for_what_needs_two(viral: bool) -> None:
    found = compute_intervals(np.full(20, viral), np.linspace(0.1, 0.9, 20))

    assert set(found) == {"accuracy", "log_loss"}


def test_three_viral_tweets_give_finite_intervals() -> None:
    sample: Drawn = np.arange(60) < 3, np.linspace(0.9, 0.1, 60)

    found = compute_intervals(*sample)

    assert set(found) == set(FIGURES)
    assert np.isfinite(list(found.values())).all()


def test_the_same_tweets_have_the_same_intervals() -> None:
    assert compute_intervals(*draw_tweets(300, seed=1)) == compute_intervals(*draw_tweets(300, seed=1))


def test_each_interval_stands_beside_its_figure() -> None:
    figures = compute_scores_with_intervals(*draw_tweets(300, seed=1), decision_threshold=0.5)

    for name in FIGURES:
        assert figures[f"{name}_low"] < figures[name] < figures[f"{name}_high"]
