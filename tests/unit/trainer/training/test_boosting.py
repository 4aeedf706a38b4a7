"""The shallow model is what scikit-learn grew, is served as it was grown, and makes the whole better."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import roc_auc_score
from viral_common.artefact.predictor import Predictor
from viral_common.tweets.features import FEATURES
from viral_trainer.data.examples import Examples, compute_features, fit_scaling, make_examples
from viral_trainer.data.views import VIEWS
from viral_trainer.model.export import export, load_network
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.model.text_trees import KNOWN_COLUMNS, BoostedText
from viral_trainer.model.tree_layer import Trees
from viral_trainer.training import boosting
from viral_trainer.training.blending import blend_models, compute_logits
from viral_trainer.training.boosting import RISING, choose_newest, fit_boosted_text
from viral_trainer.training.loop import Recipe, compute_view_logits

from tests.factories import make_labelled_tweets, make_letter_tokenizer, make_model, make_narrow_encoder


def make_some_examples(count: int, seed: int) -> Examples:
    tweets = [
        replace(tweet, author_id=f"author {number % 60}")
        for number, tweet in enumerate(make_labelled_tweets(count, seed))
    ]
    return make_examples(
        tweets,
        make_letter_tokenizer(),
        fit_scaling(compute_features(make_labelled_tweets(500))),
    )


@pytest.fixture(scope="module")
def shallow() -> BoostedText:
    return fit_boosted_text(make_some_examples(600, 1), seed=7)[0]


def test_trees_say_what_scikit_learn_says_also_of_a_number_that_is_a_threshold() -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(800, 5)).round(1).astype(np.float32)
    grown = HistGradientBoostingClassifier(max_iter=30, max_leaf_nodes=9).fit(
        inputs, inputs[:, 0] * inputs[:, 1] > 0
    )
    asked = np.concatenate([inputs, (inputs + np.float32(0.05)), np.full((1, 5), 1e6, np.float32)])

    found = Trees.from_scikit_learn(grown)(torch.from_numpy(asked)).numpy()

    expected = grown.decision_function(asked) - float(grown._baseline_prediction[0, 0])
    assert found == pytest.approx(expected, abs=1e-5)


def test_the_words_alone_tell_liked_tweets(shallow: BoostedText) -> None:
    asked = make_some_examples(300, 2)
    nothing = replace(asked, known=np.full_like(asked.known, np.nan))

    (logits,) = compute_view_logits(shallow, nothing, VIEWS[:1])

    assert roc_auc_score(asked.labels, logits) > 0.7


def test_company_and_padding_change_nothing(shallow: BoostedText) -> None:
    asked = make_some_examples(60, 3)

    together = compute_shallow_logits(shallow, asked)

    alone = [compute_shallow_logits(shallow, choose_row(asked, n))[0] for n in range(len(asked))]
    assert together == pytest.approx(np.array(alone), abs=1e-5)


def test_the_same_seed_grows_the_same(shallow: BoostedText) -> None:
    again = fit_boosted_text(make_some_examples(600, 1), seed=7)[0]

    assert all(
        torch.equal(one, other)
        for one, other in zip(shallow.state_dict().values(), again.state_dict().values(), strict=True)
    )


def test_added_to_the_deep_model_it_makes_a_better_one() -> None:
    network = ViralityNetwork(make_narrow_encoder(seed=7), len(FEATURES)).eval()  # knows nothing
    validation, asked = make_some_examples(400, 2), make_some_examples(400, 4)
    deep = compute_view_logits(network, validation)
    before = compute_logits(network, asked)

    blend = blend_models(network, deep, make_some_examples(600, 1), validation, asked, Recipe(threads=1))

    assert blend.shares.trees > 0
    assert (
        roc_auc_score(asked.labels, compute_logits(network, asked))
        > roc_auc_score(asked.labels, before) + 0.1
    )


def test_what_is_said_of_validation_tweets_is_from_before_they_were_learned() -> None:
    network = ViralityNetwork(make_narrow_encoder(seed=7), len(FEATURES)).eval()
    learned, validation = make_some_examples(600, 1), make_some_examples(400, 2)
    deep = compute_view_logits(network, validation)

    blend = blend_models(network, deep, learned, validation, validation, Recipe(threads=1))

    before, both = (
        fit_boosted_text(learned, seed=7)[0],
        fit_boosted_text(learned.join(validation), seed=7)[0],
    )
    weight = blend.shares.deep + validation.features[:, KNOWN_COLUMNS] @ np.array(blend.shares.known)
    said = weight * deep[0] + blend.shares.trees * compute_shallow_logits(before, validation)
    assert blend.probabilities == pytest.approx(blend.calibration.compute_probabilities(said), abs=1e-5)
    assert network.boosted is not None
    assert torch.equal(network.boosted.terms.weights, both.terms.weights)


def test_of_a_large_window_both_splits_are_learned_as_far_back(monkeypatch: pytest.MonkeyPatch) -> None:
    train, validation = make_some_examples(800, 2), make_some_examples(200, 3)
    monkeypatch.setattr(boosting, "MOST_TWEETS", 500)

    learned = choose_newest(train, validation)

    assert len(learned) == 500
    assert np.array_equal(learned.labels[:400], train.labels[400:])
    assert np.array_equal(learned.labels[400:], validation.labels[100:])


def test_the_folds_may_be_learned_side_by_side(shallow: BoostedText) -> None:
    again = fit_boosted_text(make_some_examples(600, 1), seed=7, threads=3)[0]

    assert torch.equal(again.trees.value, shallow.trees.value)


def test_it_is_served_and_read_again_as_it_was_grown(shallow: BoostedText, tmp_path: Path) -> None:
    model = make_model()
    model.network.boosted = shallow
    tweets = [tweet.input for tweet in make_labelled_tweets(300, 5)]

    artefact = export(model, tmp_path / "artefact")

    predictor = Predictor.load(artefact, threads=1)
    assert predictor.predict(tweets) == pytest.approx(model.predict(tweets), abs=1e-5)
    assert predictor.predict_log_likes(tweets) == pytest.approx(model.predict_log_likes(tweets), abs=1e-4)
    assert np.ptp(model.predict_log_likes(tweets)) > 0.1  # by what they say: nobody knows the authors
    again = load_network(artefact)
    assert all(
        torch.equal(one, other)
        for one, other in zip(model.network.state_dict().values(), again.state_dict().values(), strict=True)
    )
    assert compute_logits(again, make_some_examples(50, 6)) == pytest.approx(
        compute_logits(model.network, make_some_examples(50, 6)), abs=1e-6
    )


def choose_row(asked: Examples, row: int) -> Examples:
    alone = {name: getattr(asked, name)[[row]] for name in ("known", "features", "labels")}
    return replace(asked, tokens=asked.tokens.take(np.array([row])), **alone)


def compute_shallow_logits(shallow: BoostedText, asked: Examples) -> NDArray[np.float32]:
    return compute_view_logits(shallow, asked, VIEWS[:1]).ravel()


def test_more_followers_never_make_likes_less_likely() -> None:
    rng = np.random.default_rng(1)
    inputs = rng.normal(size=(2_000, len(FEATURES) + 1)).astype(np.float32)
    against = rng.random(2_000) < 1 / (1 + np.exp(inputs[:, RISING[0]]))  # the data say the opposite

    trees = Trees.from_scikit_learn(boosting.grow_trees(inputs, against, 7, RISING))

    more = inputs.copy()
    more[:, RISING] += 1
    assert (trees(torch.from_numpy(more)) >= trees(torch.from_numpy(inputs)) - 1e-6).all()
