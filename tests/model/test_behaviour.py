"""What a model trained as in production must do, whatever its weights (after Ribeiro et al., CheckList, 2020)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from viral_common.tweets.features import TweetInput

from tests.model.conftest import Subject


def inputs(subject: Subject, count: int = 300) -> list[TweetInput]:
    return [tweet.input for tweet in subject.test[:count]]


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (" https://example.org/a", " https://elsewhere.net/completely?different=1"),
        (" @alice", " @bob_the_other"),
        (" oil prices", "   oil \n prices  "),
    ],
    ids=["link", "mention", "spacing"],
)
def test_what_says_nothing_changes_nothing(simulated: Subject, one: str, other: str) -> None:
    tweets = inputs(simulated)

    with_one = simulated.predictor.predict([replace(tweet, text=tweet.text + one) for tweet in tweets])
    with_other = simulated.predictor.predict([replace(tweet, text=tweet.text + other) for tweet in tweets])

    assert np.abs(with_one - with_other).max() < 1e-6


def test_a_photo_and_a_video_raise_the_probability(simulated: Subject) -> None:
    tweets = [replace(tweet, photos_count=0, has_video=False) for tweet in inputs(simulated)]
    plain = simulated.mean(tweets)

    assert simulated.mean(replace(tweet, photos_count=1) for tweet in tweets) > plain + 0.005
    assert simulated.mean(replace(tweet, has_video=True) for tweet in tweets) > plain + 0.005


def test_a_link_lowers_the_probability(simulated: Subject) -> None:
    tweets = [tweet for tweet in inputs(simulated) if "http" not in tweet.text]

    with_link = simulated.mean(replace(tweet, text=f"{tweet.text} https://example.org") for tweet in tweets)

    assert with_link < simulated.mean(tweets) - 0.005


def test_minimum_quality_on_simulated_tweets(simulated: Subject) -> None:
    figures = simulated.scores()

    assert figures["auc"] > 0.66
    assert figures["accuracy"] > figures["majority_accuracy"] + 0.03
    assert figures["ece"] < 0.08


def test_minimum_quality_on_real_tweets(real: Subject) -> None:
    figures = real.scores()

    assert figures["auc"] > 0.64
    assert figures["accuracy"] > figures["majority_accuracy"]
    assert figures["ece"] < 0.08


def test_texts_without_words_are_as_likely_as_any(real: Subject) -> None:
    like = real.test[0].input

    probabilities = real.predictor.predict(
        [replace(like, text=text) for text in ("", "🎉🎉🎉", "نفط", "x" * 10_000)]
    )

    assert ((probabilities > 0.02) & (probabilities < 0.98)).all()
