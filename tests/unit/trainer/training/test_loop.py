"""The loop learns what there is to learn, the same each time, and keeps the best epoch."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from viral_common.tweets.features import FEATURES, AuthorHistory
from viral_common.tweets.profile import AuthorProfile
from viral_trainer.data.examples import (
    Examples,
    compute_features,
    draw_shuffled_batches,
    fit_scaling,
    make_examples,
)
from viral_trainer.data.views import ScoredView, View
from viral_trainer.devices import Device
from viral_trainer.model.network import ViralityNetwork
from viral_trainer.training import loop
from viral_trainer.training.blending import compute_logits
from viral_trainer.training.calibration import fit_calibration
from viral_trainer.training.loop import Recipe, Trained, compute_view_logits, train

from tests.factories import make_labelled_tweets, make_letter_tokenizer, make_narrow_encoder

RECIPE = Recipe(epochs=3, head_lr=1e-2, threads=1)


def make_some_examples(count: int, seed: int) -> Examples:
    tweets = make_labelled_tweets(count, seed)
    return make_examples(
        tweets, make_letter_tokenizer(), fit_scaling(compute_features(make_labelled_tweets(500)))
    )


def make_network() -> ViralityNetwork:
    encoder = make_narrow_encoder(seed=7)
    return ViralityNetwork(encoder, len(FEATURES))


def train_network(
    recipe: Recipe = RECIPE, device: Device | None = None
) -> tuple[ViralityNetwork, Trained, list[float]]:
    model, losses = make_network(), list[float]()
    result = train(
        model,
        make_some_examples(500, 1),
        make_some_examples(200, 2),
        recipe,
        lambda _, loss: losses.append(loss.item()),
        lambda *_: None,
        device=device,
    )
    return model, result, losses


def test_training_learns() -> None:
    _, result, losses = train_network()

    assert result.scores["auc"] > 0.75
    assert np.mean(losses[-5:]) < np.mean(losses[:5])


@pytest.mark.parametrize("half", [torch.bfloat16, torch.float16])
def test_shorter_numbers_learn_the_same(half: torch.dtype) -> None:
    _, exact, _ = train_network(device=Device("cpu", None))

    _, result, _ = train_network(device=Device("cpu", half))

    assert result.scores["auc"] == pytest.approx(exact.scores["auc"], abs=0.02)


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_seed_gives_the_same_model(threads: int) -> None:
    recipe = replace(RECIPE, threads=threads)
    first, _, first_losses = train_network(recipe)
    second, _, second_losses = train_network(recipe)

    assert first_losses == second_losses
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), second.parameters(), strict=True))


def test_threads_share_the_work_and_change_no_more_than_rounding() -> None:
    _, _, alone = train_network(replace(RECIPE, threads=1))
    _, _, shared = train_network(replace(RECIPE, threads=3))

    assert shared == pytest.approx(alone, abs=5e-3)


def test_what_validates_best_is_kept_and_then_learning_ends(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    weights: list[torch.Tensor] = []
    losses = iter([0.6, 0.55, 0.5, 0.7])
    steps: list[int] = []
    model = make_network()

    def next_loss(*_: object) -> dict[str, float]:
        weights.append(model.state_dict()["head.0.weight"].clone())
        return {"log_loss": next(losses)}

    monkeypatch.setattr(loop, "compute_scores", next_loss)
    recipe = replace(RECIPE, batch_size=50)
    result = train(
        model,
        make_some_examples(200, 1),
        make_some_examples(50, 2),
        recipe,
        lambda step, _: steps.append(step),
        lambda *_: None,
    )

    assert (result.epoch, result.scores["log_loss"]) == (2, 0.5)
    assert torch.equal(model.state_dict()["head.0.weight"], weights[2])
    assert steps[-1] == 2.5 * 4


def test_an_epoch_sees_each_tweet_once() -> None:
    data = make_some_examples(333, 1)

    batches = list(draw_shuffled_batches(data, 32, np.random.default_rng(1)))

    seen = torch.cat([batch.features for batch in batches]).numpy()
    assert sorted(map(tuple, seen)) == sorted(map(tuple, data.features))
    assert all(batch.attention_mask[:, 0].all() for batch in batches)


@pytest.mark.parametrize(
    ("view", "known"),
    [
        (View.NOTHING, {"author": None, "profile": None}),
        (View.HISTORY, {"profile": None}),
        (View.PROFILE, {"author": None}),
        (View.FOLLOWERS, {"author": None, "profile": AuthorProfile(followers=7)}),
        (View.KNOWN, {}),
    ],
)
def test_what_is_hidden_is_as_what_nobody_knows(view: View, known: dict[str, Any]) -> None:
    profile = AuthorProfile(7, 300, 20, verified=True)
    tweets = [
        replace(
            tweet, input=replace(tweet.input, author=AuthorHistory(number, number, 1, 2.0), profile=profile)
        )
        for number, tweet in enumerate(make_labelled_tweets(10, 1))
    ]
    told = [replace(tweet, input=replace(tweet.input, **known)) for tweet in tweets]
    scaling, tokenizer = fit_scaling(compute_features(tweets)), make_letter_tokenizer()
    hidden = np.arange(10) < 4

    shown = make_examples(tweets, tokenizer, scaling).show(np.where(hidden, view, View.KNOWN))

    assert (shown[hidden] == make_examples(told, tokenizer, scaling).features[hidden]).all()
    assert (shown[~hidden] == make_examples(tweets, tokenizer, scaling).features[~hidden]).all()


def test_hidden_content_is_asked_about_as_unknown_content_is_served() -> None:
    model, tweets = make_network(), make_labelled_tweets(5, 1)
    scaling, tokenizer = fit_scaling(compute_features(tweets)), make_letter_tokenizer()
    asked = [replace(tweet, input=tweet.input.hide_content()) for tweet in tweets]

    (hidden,) = compute_view_logits(
        model, make_examples(tweets, tokenizer, scaling), [ScoredView("", View.KNOWN, content=False)]
    )

    assert hidden == pytest.approx(compute_logits(model, make_examples(asked, tokenizer, scaling)), abs=1e-6)
    assert np.ptp(compute_logits(model, make_examples(tweets, tokenizer, scaling))) > 1e-3


def test_padding_changes_no_logit() -> None:
    model, data = make_network().eval(), make_some_examples(60, 1)

    together = compute_logits(model, data)

    one = [
        compute_logits(
            model,
            replace(
                data,
                tokens=data.tokens.take(np.array([n])),
                known=data.known[[n]],
            ),
        )[0]
        for n in range(len(data))
    ]
    assert np.abs(together - np.array(one)).max() < 1e-5


def test_calibration_recovers_what_was_distorted() -> None:
    rng = np.random.default_rng(1)
    true_logits = rng.normal(size=20_000)
    labels = rng.random(20_000) < 1 / (1 + np.exp(-true_logits))

    calibration = fit_calibration((3 * (true_logits - 0.5)).astype(np.float32), labels)

    assert calibration.temperature == pytest.approx(3, rel=0.1)
    assert calibration.bias == pytest.approx(0.5, abs=0.1)


def test_calibration_of_useless_logits_stays_in_bounds() -> None:
    calibration = fit_calibration(np.zeros(10, np.float32), np.array([True] + [False] * 9))

    assert calibration.compute_probabilities(np.zeros(1))[0] == pytest.approx(0.1, abs=0.01)
