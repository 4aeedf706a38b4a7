"""The rule of promotion."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from viral_evaluator.promotion_rule import Decision, PromotionRule, compute_log_losses


def tweets(rows: int, seed: int) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Labels drawn from true probabilities."""
    rng = np.random.default_rng(seed)
    truth = 1 / (1 + np.exp(-rng.normal(size=rows)))
    return rng.random(rows) < truth, truth


def decide(
    labels: NDArray[np.bool_],
    challenger: NDArray[np.float64],
    champion: NDArray[np.float64],
    rule: PromotionRule = PromotionRule(),
) -> Decision:
    """Decide on tweets by an author each."""
    return rule.decide(labels, challenger, champion, np.arange(len(labels)))


def blurred(truth: NDArray[np.float64], noise: float, seed: int) -> NDArray[np.float64]:
    """A model that knows the truth up to noise in the logit."""
    logit = np.log(truth / (1 - truth)) + np.random.default_rng(seed).normal(scale=noise, size=len(truth))
    return np.asarray(1 / (1 + np.exp(-logit)))


def test_a_better_challenger_is_promoted() -> None:
    labels, truth = tweets(4000, seed=1)

    decision = decide(labels, blurred(truth, 0.2, 2), blurred(truth, 1.5, 3))

    assert decision.promoted
    assert 0 < decision.low < decision.gain < decision.high


def test_a_worse_challenger_stays_a_challenger() -> None:
    labels, truth = tweets(4000, seed=1)

    decision = decide(labels, blurred(truth, 1.5, 2), blurred(truth, 0.2, 3))

    assert not decision.promoted
    assert decision.high < 0


def test_the_same_model_again_is_never_promoted() -> None:
    labels, truth = tweets(2000, seed=4)

    assert not decide(labels, truth, truth).promoted


def test_challengers_that_are_only_luckier_are_promoted_as_rarely_as_the_confidence_says() -> None:
    rule = PromotionRule(confidence=0.95, resamples=400)

    promoted = 0
    for seed in range(200):
        labels, truth = tweets(500, seed)
        challenger, champion = blurred(truth, 0.7, 1000 + seed), blurred(truth, 0.7, 2000 + seed)
        promoted += decide(labels, challenger, champion, rule).promoted

    # 2.5% expected of 200; above 12 would come by chance once in 1,000 times.
    assert promoted <= 12


def test_one_account_of_seventy_tweets_decides_nothing() -> None:
    """The challenger knows this account alone; of 200 others it knows as little as the champion."""
    labels, truth = tweets(270, seed=7)
    champion = blurred(truth, 0.7, 8)
    challenger = np.where(np.arange(270) < 70, np.where(labels, 0.9, 0.1), blurred(truth, 0.7, 9))
    authors = np.maximum(np.arange(270) - 69, 0)

    as_if_many = decide(labels, challenger, champion)
    by_author = PromotionRule().decide(labels, challenger, champion, authors)

    assert as_if_many.promoted
    assert not by_author.promoted
    assert as_if_many.gain == by_author.gain
    assert (by_author.count, by_author.authors) == (270, 201)
    assert "by author" in PromotionRule().name


def test_models_that_are_luckier_with_some_authors_are_promoted_as_rarely_as_the_confidence_says() -> None:
    """What a model gains on one tweet of an author it gains on all of them; in truth both are equal."""
    rule = PromotionRule(resamples=400)

    promoted = as_if_many = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        authors = np.repeat(np.arange(100), rng.geometric(0.2, 100))
        labels = rng.random(len(authors)) < 0.5
        logits = rng.normal(scale=0.5, size=(2, 100))[:, authors] * np.where(labels, 1, -1)
        challenger, champion = 1 / (1 + np.exp(-logits))
        promoted += rule.decide(labels, challenger, champion, authors).promoted
        as_if_many += decide(labels, challenger, champion, rule).promoted

    # 2.5% expected of 200; above 12 would come by chance once in 1,000 times.
    assert promoted <= 12
    assert as_if_many > 30


def test_the_decision_is_the_same_on_every_run() -> None:
    labels, truth = tweets(1000, seed=5)
    challenger = blurred(truth, 0.5, 6)

    assert decide(labels, challenger, truth) == decide(labels, challenger, truth)


def test_certainty_that_is_wrong_costs_much_but_not_everything() -> None:
    losses = compute_log_losses(np.array([True, False, True]), np.array([0.0, 1.0, 1.0]))

    assert losses == pytest.approx([16.118, 16.118, 0.0], abs=1e-3)
