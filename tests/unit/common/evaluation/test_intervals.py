from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from viral_common.evaluation.intervals import Interval, compute_intervals, compute_scores_with_intervals
from viral_common.evaluation.scores import compute_scores

from tests.factories import Drawn, draw_tweets


def estimate(labels: NDArray[np.bool_], probabilities: NDArray[np.float64]) -> dict[str, Interval]:
    """Estimate for tweets by an author each."""
    return compute_intervals(labels, probabilities, np.arange(len(labels)))


FIGURES = ("accuracy", "auc", "average_precision", "log_loss")


def test_the_true_figures_lie_in_most_intervals() -> None:
    truth = compute_scores(*draw_tweets(200_000, seed=1))
    samples = [draw_tweets(400, seed) for seed in range(2, 62)]

    found = [estimate(*sample) for sample in samples]

    for name in FIGURES:
        covered = np.mean([low <= truth[name] <= high for low, high in (one[name] for one in found)])
        assert 0.85 < covered <= 1, name


def draw_clustered(authors: int, seed: int) -> tuple[*Drawn, NDArray[np.intp]]:
    """Draw authors of whom some post much, whose tweets are liked together more than the model knows."""
    rng = np.random.default_rng(seed)
    author = np.repeat(np.arange(authors), np.minimum(rng.zipf(2, authors), 50))
    unknown, known = rng.normal(size=(2, authors))[:, author]
    return rng.random(len(author)) < 1 / (1 + np.exp(-unknown - known)), 1 / (1 + np.exp(-known)), author


def test_the_true_figures_lie_in_most_intervals_by_author_and_seldom_in_those_by_tweet() -> None:
    truth = compute_scores(*draw_clustered(100_000, seed=1)[:2])
    samples = [draw_clustered(250, seed) for seed in range(2, 102)]

    by_author = [compute_intervals(*sample) for sample in samples]
    by_tweet = [estimate(labels, probabilities) for labels, probabilities, _ in samples]

    for name in ("auc", "accuracy", "log_loss"):
        covered, fooled = (
            np.mean([one[name][0] <= truth[name] <= one[name][1] for one in found])
            for found in (by_author, by_tweet)
        )
        assert 0.85 < covered <= 1, name
        assert fooled < 0.85, name


def test_a_handful_of_authors_has_no_interval() -> None:
    labels, probabilities = draw_tweets(90, seed=1)

    assert compute_intervals(labels, probabilities, np.arange(90) % 9) == {}


def test_more_tweets_make_narrower_intervals_around_the_same_figure() -> None:
    few, many = estimate(*draw_tweets(500, seed=1)), estimate(*draw_tweets(8_000, seed=1))

    for name in FIGURES:
        assert many[name][1] - many[name][0] < 0.5 * (few[name][1] - few[name][0])


def test_equal_probabilities_rank_no_tweet_before_another() -> None:
    labels = np.array([True, False] * 50)

    low, high = estimate(labels, np.full(100, 0.3))["auc"]

    assert low == high == 0.5


@pytest.mark.parametrize("viral", [True, False])
def test_one_class_has_no_interval_for_what_needs_two(viral: bool) -> None:
    found = estimate(np.full(20, viral), np.linspace(0.1, 0.9, 20))

    assert set(found) == {"accuracy", "log_loss"}


def test_three_viral_tweets_give_finite_intervals() -> None:
    sample: Drawn = np.arange(60) < 3, np.linspace(0.9, 0.1, 60)

    found = estimate(*sample)

    assert set(found) == set(FIGURES)
    assert np.isfinite(list(found.values())).all()


def test_the_same_tweets_have_the_same_intervals() -> None:
    assert estimate(*draw_tweets(300, seed=1)) == estimate(*draw_tweets(300, seed=1))


def test_each_interval_stands_beside_its_figure() -> None:
    figures = compute_scores_with_intervals(*draw_tweets(300, seed=1), np.arange(300), 0.5)

    for name in FIGURES:
        assert figures[f"{name}_low"] < figures[name] < figures[f"{name}_high"]
