"""The card says what the run found, and is read by model hubs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import yaml
from viral_common.artefact.files import ArtefactSpec, Calibration, FeatureScaling, Sample
from viral_common.artefact.training_summary import ReliabilityBin, Slice
from viral_common.evaluation.intervals import compute_scores_with_intervals
from viral_common.tweets.features import FEATURES, TweetInput
from viral_trainer.model.model_card import render_card, strip_front_matter

from tests.factories import START, draw_tweets, make_summary

RARE = Slice(of="media", name="video", count=61, viral_rate=0.033, stated_rate=0.05)
COMMON = RARE.model_copy(
    update={"name": "none", "count": 1_200, "auc": 0.71, "auc_low": 0.66, "auc_high": 0.76}
)


def make_spec(summary: dict[str, Any] | None = None, **more: Any) -> ArtefactSpec:
    fields = {
        "max_tokens": 128,
        "features": FeatureScaling(names=FEATURES, mean=(0.0,) * len(FEATURES), scale=(1.0,) * len(FEATURES)),
        "calibration": Calibration(),
        "likes_threshold": 0,
        "base_model": "google/bert_uncased_L-2_H-128_A-2",
        "base_model_source": "hub",
        "training": make_summary().model_copy(update=summary or {}),
        "sample": (Sample(tweet=TweetInput("a secret text", START), probability=0.5),),
    }
    return ArtefactSpec(**(fields | more))


@pytest.mark.parametrize("base_model", ["google/bert", "C:\\models: mine # 1", "'\"[x]"])
def test_the_front_matter_is_yaml_that_names_the_base_model(base_model: str) -> None:
    text = render_card(make_spec(base_model=base_model))

    _, front, body = text.split("---\n", 2)
    assert yaml.safe_load(front)["base_model"] == base_model
    assert body == strip_front_matter(text)


@pytest.mark.parametrize(
    ("likes", "asked"), [(0, "get a like?"), (1, "get more than 1 like?"), (100, "get more than 100 likes?")]
)
def test_the_title_is_the_question(likes: int, asked: str) -> None:
    assert f"# Will this tweet {asked}" in render_card(make_spec(likes_threshold=likes))


def test_figures_stand_beside_their_intervals_and_what_knowing_nothing_reaches() -> None:
    metrics = compute_scores_with_intervals(*draw_tweets(500, seed=1, mean=-3), np.arange(500), 0.1)

    text = render_card(make_spec({"metrics": metrics}))

    rate, low, high = (
        metrics["viral_rate"],
        metrics["average_precision_low"],
        metrics["average_precision_high"],
    )
    precision = f"{metrics['average_precision']:.3f}"
    assert f"| average precision | {precision} | {low:.3f} to {high:.3f} | {rate:.3f} |" in text
    assert f"| log loss | {metrics['log_loss']:.3f} |" in text
    assert f"| {metrics['majority_log_loss']:.3f} |" in text


def test_it_is_said_what_telling_one_author_s_tweets_apart_means() -> None:
    figures = {"within_author_auc": 0.548, "within_author_auc_low": 0.52, "within_author_auc_high": 0.575}

    text = render_card(
        make_spec({"metrics": make_summary().metrics | figures | {"within_author_authors": 1891.0}})
    )
    without = render_card(make_spec())

    assert "| AUC within an author | 0.548 | 0.520 to 0.575 | 0.500 |" in text
    assert "of which one got a like" in text
    assert "(1,891 authors, each weighing the same)" in text
    assert "ithin an author" not in without


def test_a_slice_with_few_viral_tweets_has_blanks_for_its_auc() -> None:
    text = render_card(make_spec({"slices": (COMMON, RARE)}))

    assert "| media | none | 1,200 | 3.3% | 0.710 | 0.660 to 0.760 | +1.7 points |" in text
    assert "| media | video | 61 | 3.3% |  |  | +1.7 points |" in text


def test_stated_and_true_shares_are_compared() -> None:
    bins = (ReliabilityBin(count=50, stated_rate=0.021, viral_rate=0.018),)

    assert "| 2.1% | 1.8% | 50 |" in render_card(make_spec({"reliability": bins}))


def test_where_viral_begins_is_said() -> None:
    assert "from a probability of 50.0% on: when that is the likelier" in render_card(make_spec())
    assert "from a probability of 17.9% on, so that\nas many" in render_card(
        make_spec(decision_threshold=0.179)
    )


def test_the_recipe_and_the_weights_are_named() -> None:
    text = render_card(
        make_spec(
            {"recipe": {"epochs": 2, "class_weight": 0.5, "encoder_lr": 2e-4}, "tweets_per_second": 812}
        )
    )

    assert "- Recipe: epochs 2, class_weight 0.5, encoder_lr 0.0002" in text
    assert "812 tweets/s" in text


def test_an_artefact_without_slices_has_a_card_without_them() -> None:
    text = render_card(make_spec())

    assert "For which tweets" not in text
    assert "Ethical considerations" in text


def test_no_tweets_text_is_in_the_card() -> None:
    assert "secret" not in render_card(make_spec())


def test_tables_are_whole() -> None:
    labels, probabilities = draw_tweets(300, seed=1)
    metrics = compute_scores_with_intervals(labels, probabilities, np.arange(300), 0.5) | {
        "auc_unknown_author": 0.6
    }

    text = render_card(make_spec({"metrics": metrics, "slices": (COMMON, RARE)}))

    tables = [block.splitlines() for block in text.split("\n\n") if block.startswith("|")]
    assert len(tables) == 2
    assert all(len(np.unique([row.count("|") for row in table])) == 1 for table in tables)
