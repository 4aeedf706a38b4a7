from __future__ import annotations

import math

import numpy as np
import pytest
from viral_common.metrics import calibration_error, scores


def test_a_perfect_model_scores_perfectly() -> None:
    labels = np.array([True, False, True, False])

    figures = scores(labels, labels.astype(np.float64))

    assert figures["accuracy"] == figures["auc"] == figures["f1"] == figures["average_precision"] == 1
    assert figures["log_loss"] < 1e-5
    assert figures["ece"] == 0
    assert figures["majority_accuracy"] == 0.5


@pytest.mark.parametrize("label", [True, False])
def test_one_class_gives_no_auc_and_no_nan(label: bool) -> None:
    figures = scores(np.full(5, label), np.linspace(0, 1, 5))

    assert "auc" not in figures
    assert "average_precision" not in figures
    assert all(math.isfinite(value) for value in figures.values())
    assert figures["majority_accuracy"] == 1


def test_no_tweets_cannot_be_scored() -> None:
    with pytest.raises(ValueError, match="no tweets"):
        scores(np.array([], dtype=bool), np.array([]))


def test_calibration_error_is_the_mean_gap() -> None:
    labels = np.array([True, False, False, False])

    assert calibration_error(labels, np.full(4, 0.75)) == pytest.approx(0.5)
    assert calibration_error(labels, np.full(4, 0.25)) == pytest.approx(0)
