"""Each rival learns what there is to learn; the test tweets are not even there while it does."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from viral_common.evaluation.scores import compute_scores
from viral_common.tweets.features import AuthorHistory
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import LabelledTweet, take_inputs
from viral_trainer.compare.contenders import CONTENDERS, choose_contenders, group_by_training
from viral_trainer.compare.parts import Parts
from viral_trainer.compare.recipes import frozen_bert, trees
from viral_trainer.compare.recipes.recipe import Predict
from viral_trainer.settings import OfflineSettings

from tests.factories import make_base_model, make_labelled_tweets

TRAIN, VALIDATION, TEST = (
    make_labelled_tweets(500, 1),
    make_labelled_tweets(120, 2),
    make_labelled_tweets(200, 3),
)
INPUTS = [tweet.input for tweet in TEST]


def train_recipe(
    recipe: str, settings: OfflineSettings, parts: Parts = Parts(TRAIN, VALIDATION, [])
) -> Predict:
    predict: Predict = import_module(f"viral_trainer.compare.recipes.{recipe}").train(parts, settings)
    return predict


def compute_auc(predict: Predict) -> float:
    return compute_scores(np.array([tweet.viral for tweet in TEST]), predict(INPUTS))["auc"]


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> OfflineSettings:
    """One thread, and a base model that takes no time."""
    monkeypatch.chdir(tmp_path)
    base = make_base_model(tmp_path / "base")
    return OfflineSettings().model_copy(update={"train_threads": 1, "base_model": base.name})


@pytest.mark.parametrize("recipe", ["trees", "tfidf", "doc2vec", "champion"])
def test_what_there_is_to_learn_is_learned(recipe: str, settings: OfflineSettings) -> None:
    assert compute_auc(train_recipe(recipe, settings)) > 0.75


def test_the_majority_says_the_same_of_every_tweet(settings: OfflineSettings) -> None:
    predict = train_recipe("majority", settings)

    rate = np.mean([tweet.viral for tweet in [*TRAIN, *VALIDATION]])
    assert set(predict(INPUTS)) == {rate}


def test_a_frozen_encoder_learns_nothing_but_its_head_does(
    settings: OfflineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(frozen_bert, "MOST_EPOCHS", 3)

    assert compute_auc(train_recipe("frozen_bert", settings)) > 0.75


def test_trees_use_the_author_s_past_where_it_is_known(
    settings: OfflineSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trees, "MOST_TREES", 20)

    def add_authors(tweets: list[LabelledTweet]) -> list[LabelledTweet]:
        return [
            replace(
                tweet,
                input=replace(tweet.input, author=AuthorHistory(9, 9, 9 * tweet.viral, 6.0 * tweet.viral)),
            )
            for tweet in tweets
        ]

    predict = train_recipe("trees", settings, Parts(add_authors(TRAIN), add_authors(VALIDATION), []))

    labels = np.array([tweet.viral for tweet in TEST])
    assert compute_scores(labels, predict([tweet.input for tweet in add_authors(TEST)]))["auc"] > 0.99
    assert compute_scores(labels, predict(INPUTS))["auc"] < 0.95


def add_followers(tweets: list[LabelledTweet], known: float) -> list[LabelledTweet]:
    """Say of a share of the tweets how many follow their author: many, of a viral one."""
    return [
        replace(
            tweet,
            input=replace(tweet.input, profile=AuthorProfile(followers=90 + number % 10 + 900 * tweet.viral)),
        )
        if number < known * len(tweets)
        else tweet
        for number, tweet in enumerate(tweets)
    ]


@pytest.mark.parametrize(("known", "least", "most"), [(1.0, 0.99, 1.0), (0.5, 0.6, 0.95), (0.0, 0.5, 0.5)])
def test_followers_alone_tell_what_they_can_where_they_are_known(
    settings: OfflineSettings, monkeypatch: pytest.MonkeyPatch, known: float, least: float, most: float
) -> None:
    monkeypatch.setattr(trees, "MOST_TREES", 20)

    parts = Parts(*(add_followers(tweets, known) for tweets in (TRAIN, VALIDATION, TEST)))

    parts = parts.hide("followers alone")
    predict = train_recipe("trees", settings, parts)

    labels, probabilities = np.array([tweet.viral for tweet in TEST]), predict(take_inputs(parts.test))
    assert least <= compute_scores(labels, probabilities)["auc"] <= most


def test_every_contender_has_a_recipe() -> None:
    for contender in CONTENDERS:
        assert callable(import_module(f"viral_trainer.compare.recipes.{contender.recipe}").train)


def test_those_chosen_keep_the_order_of_the_table_and_the_champion_is_trained_once() -> None:
    contenders = choose_contenders("champion-no-author, champion,trees+author,champion-followers,trees")

    groups = [[contender.name for contender in group] for group in group_by_training(contenders)]

    assert groups == [["trees"], ["trees+author"], ["champion", "champion-followers", "champion-no-author"]]
