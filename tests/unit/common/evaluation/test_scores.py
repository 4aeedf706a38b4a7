from __future__ import annotations

import math

import numpy as np
import pytest
from viral_common.evaluation.scores import compute_calibration_error, compute_scores, explain_shortage

from tests.factories import draw_tweets


def test_a_perfect_model_scores_perfectly() -> None:
    labels = np.array([True, False, True, False])

    figures = compute_scores(labels, labels.astype(np.float64))

    assert figures["accuracy"] == figures["auc"] == figures["f1"] == figures["average_precision"] == 1
    assert figures["log_loss"] < 1e-5
    assert figures["ece"] == 0
    assert figures["majority_accuracy"] == 0.5


@pytest.mark.parametrize("label", [True, False])
def test_one_class_gives_no_auc_and_no_nan(label: bool) -> None:
    figures = compute_scores(np.full(5, label), np.linspace(0, 1, 5))

    assert "auc" not in figures
    assert "average_precision" not in figures
    assert all(math.isfinite(value) for value in figures.values())
    assert figures["majority_accuracy"] == 1


def test_no_tweets_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="no tweets"):
        compute_scores(np.array([], dtype=bool), np.array([]))


def test_calibration_error_is_the_mean_gap() -> None:
    labels = np.array([True, False, False, False])

    assert compute_calibration_error(labels, np.full(4, 0.75)) == pytest.approx(0.5)
    assert compute_calibration_error(labels, np.full(4, 0.25)) == pytest.approx(0)


def test_rare_viral_tweets_that_are_all_told_the_same_wrong_share_are_miscalibrated() -> None:
    labels, probabilities = draw_tweets(5_000, seed=1, mean=-4)

    calibrated, doubled = (
        compute_calibration_error(labels, probabilities),
        compute_calibration_error(labels, probabilities * 2),
    )

    assert calibrated < 0.01
    assert doubled == pytest.approx(labels.mean(), rel=0.3)


def test_whether_probabilities_fit_is_asked_within_the_rare_ones_too() -> None:
    labels = np.repeat([True, False, True, False], [9, 91, 1, 99])  # 9% and 1%

    assert compute_calibration_error(labels, np.repeat([0.09, 0.01], 100)) == pytest.approx(0)
    assert compute_calibration_error(labels, np.repeat([0.01, 0.09], 100)) == pytest.approx(0.08)


def test_calling_viral_from_a_lower_probability_on_finds_more_and_leaves_the_accuracy() -> None:
    labels, probabilities = draw_tweets(5_000, seed=1, mean=-4)

    likelier, sooner = (
        compute_scores(labels, probabilities),
        compute_scores(labels, probabilities, decision_threshold=0.1),
    )

    assert sooner["recall"] > likelier["recall"]
    assert sooner["f1"] > likelier["f1"]
    assert sooner["accuracy"] == likelier["accuracy"]


def test_chance_is_told_beside_the_figures() -> None:
    labels = np.arange(1_000) < 30

    figures = compute_scores(labels, np.full(1_000, 0.03))

    assert figures["average_precision"] == figures["viral_rate"] == 0.03
    assert figures["log_loss"] == figures["majority_log_loss"] == pytest.approx(0.1347, abs=1e-4)


@pytest.mark.parametrize(("viral", "of"), [(9, 1_000), (991, 1_000), (5, 10), (0, 0)])
def test_too_few_of_a_class_are_named(viral: int, of: int) -> None:
    reason = explain_shortage(np.arange(of) < viral, "test", 100)

    assert reason is not None
    assert reason.startswith(f"{viral} of {of:,} test tweets have more than 100 likes, at least 10")


def test_ten_of_each_class_are_enough() -> None:
    assert explain_shortage(np.arange(20) < 10, "test", 0) is None
