"""Where viral tweets are rare: probabilities that are true, and a call that is made at all."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
from viral_common.evaluation.scores import Floats, Labels, compute_calibration_error, compute_scores
from viral_common.tweets.features import FEATURES
from viral_common.tweets.tweet import stack_labels
from viral_trainer.data.examples import Examples, compute_features, fit_scaling, make_examples
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.training.blending import blend_models, compute_logits
from viral_trainer.training.calibration import fit_calibration
from viral_trainer.training.loop import Recipe, train
from viral_trainer.training.thresholds import choose_decision_threshold, measure_reliability

from tests.factories import draw_tweets, make_labelled_tweets, make_letter_tokenizer, make_narrow_encoder

make_rare_tweets = partial(make_labelled_tweets, liked=0.08, noise=0.02)


def make_some_examples(count: int, seed: int) -> Examples:
    return make_examples(
        make_rare_tweets(count, seed),
        make_letter_tokenizer(),
        fit_scaling(compute_features(make_rare_tweets(500))),
    )


def train_and_predict(class_weight: float) -> tuple[Floats, Floats]:
    """Calibrated probabilities of 1,000 fresh tweets, and what the deep part alone says without calibration."""
    network = ViralityNetwork(make_narrow_encoder(seed=7), len(FEATURES))
    recipe = Recipe(epochs=2, head_lr=1e-2, threads=1, class_weight=class_weight)
    learned, validation = make_some_examples(1_000, 1), make_some_examples(600, 2)
    result = train(network, learned, validation, recipe, lambda *_: None, lambda *_: None)
    fresh = make_some_examples(1_000, 3)
    deep = compute_logits(network, fresh)
    blend = blend_models(network, result.logits, learned, validation, validation, recipe)
    blended = compute_logits(network, fresh)
    return blend.calibration.compute_probabilities(blended), 1 / (1 + np.exp(-deep.astype(np.float64)))


def make_fresh_labels() -> Labels:
    return stack_labels(make_rare_tweets(1_000, 3))


@pytest.mark.parametrize("class_weight", [0.0, 1.0])
def test_rare_viral_tweets_get_probabilities_that_are_true(class_weight: float) -> None:
    probabilities, _ = train_and_predict(class_weight)

    figures = compute_scores(make_fresh_labels(), probabilities)
    assert figures["ece"] < 0.03
    assert figures["log_loss"] < 0.8 * figures["majority_log_loss"]
    assert figures["average_precision"] > 4 * figures["viral_rate"]


def test_weights_shift_the_network_and_calibration_undoes_it() -> None:
    _, unweighted = train_and_predict(0.0)
    calibrated, weighted = train_and_predict(1.0)

    rate = make_fresh_labels().mean()
    assert np.median(weighted) > 2 * np.median(unweighted)
    assert calibrated.mean() == pytest.approx(rate, rel=0.2)


def test_one_in_five_thousand_can_be_said() -> None:
    calibration = fit_calibration(np.zeros(5_000, np.float32), np.arange(5_000) < 1)

    assert calibration.compute_probabilities(np.zeros(1))[0] == pytest.approx(1 / 5_000, rel=0.1)


def test_common_viral_tweets_are_called_from_one_half_on() -> None:
    assert choose_decision_threshold(*draw_tweets(1_000, seed=1)) == 0.5


def test_as_many_tweets_are_called_viral_as_are_where_they_are_rare() -> None:
    labels, probabilities = draw_tweets(20_000, seed=1, mean=-4)

    threshold = choose_decision_threshold(labels, probabilities)

    fresh, stated = draw_tweets(20_000, seed=2, mean=-4)
    assert 0.02 < threshold < 0.3
    assert (stated >= threshold).mean() == pytest.approx(fresh.mean(), rel=0.1)
    assert compute_scores(fresh, stated, threshold)["f1"] > 2 * compute_scores(fresh, stated)["f1"]


def test_what_is_likelier_than_not_is_always_called_viral() -> None:
    labels = np.arange(1_000) < 100

    assert choose_decision_threshold(labels, np.where(labels, 0.9, 0.01)) <= 0.5


def test_the_reliability_of_true_probabilities_is_even() -> None:
    labels, probabilities = draw_tweets(5_000, seed=1, mean=-3)

    bins = measure_reliability(labels, probabilities)

    assert [one.count for one in bins] == [500] * 10
    assert all(abs(one.stated_rate - one.viral_rate) < 0.05 for one in bins)
    gaps = [one.count * abs(one.stated_rate - one.viral_rate) for one in bins]
    assert sum(gaps) / 5_000 == pytest.approx(compute_calibration_error(labels, probabilities))
