"""Challengers are judged once and in order, in memory."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast
from uuid import uuid4, uuid5

import pytest
from viral_common.errors import ArtefactError, NotYet, OtherFeaturesError, ServerAway, Unusable
from viral_common.events import Event, ModelPromoted
from viral_common.tweets.label_rule import LabelRule
from viral_evaluator.handlers import Evaluator
from viral_evaluator.judge import Judge
from viral_evaluator.promotion_rule import PromotionRule
from viral_evaluator.scoring import Scorer
from viral_evaluator.settings import EvaluatorSettings

from tests.unit.evaluator.fakes import TWEETS, FakeChallenges, FakeModels

TOO_FEW = (
    "test tweets have more than 0 likes, at least 10 with and as many without are needed "
    "(VIRAL_LIKES_THRESHOLD, VIRAL_BATCH_SIZE)"
)


NOWHERE = {
    "database_url": "postgresql://127.0.0.1/x",
    "rabbitmq_url": "amqp://127.0.0.1/",
    "mlflow_url": "http://127.0.0.1",
}
SETTINGS = EvaluatorSettings.model_validate(NOWHERE)


@pytest.fixture
def models() -> FakeModels:
    return FakeModels()


@pytest.fixture
def challenges(models: FakeModels) -> FakeChallenges:
    return FakeChallenges(models)


@pytest.fixture
def evaluator(challenges: FakeChallenges, models: FakeModels) -> Evaluator:
    rule = PromotionRule(resamples=500)
    judge = Judge(challenges.tweets, cast(Scorer, models), rule, SETTINGS)
    return Evaluator(challenges, judge, models, challenges)


def take_promoted(caused: list[Event]) -> ModelPromoted:
    (event,) = caused
    assert isinstance(event, ModelPromoted)
    return event


def test_the_first_model_that_beats_the_majority_class_is_promoted(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0}

    promoted = take_promoted(evaluator.on_model_trained(challenges.add_training(1)))

    assert (promoted.model_version, promoted.previous_version, promoted.reason) == (1, None, "first")
    assert promoted.metrics["auc"] > 0.9
    assert models.aliases == {"champion": 1}
    (verdict,) = challenges.verdicts.values()
    assert (verdict.outcome, verdict.test_count, verdict.champion_version) == ("promoted", TWEETS, None)
    assert verdict.reason.startswith(
        "there is no champion yet; version 1 beats the majority class: log loss lower by"
    )
    assert 0 < (verdict.interval_low or 0) < (verdict.interval_high or 0)


def test_a_first_model_no_better_than_the_majority_class_is_not_promoted(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 0.0}

    assert evaluator.on_model_trained(challenges.add_training(1)) == []

    assert models.shown == {1: "kept"}
    assert models.aliases == {}


def test_only_a_clearly_better_challenger_replaces_the_champion(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0, "model 2": 0.5, "model 3": 2.0}

    caused = [evaluator.on_model_trained(challenges.add_training(version)) for version in (1, 2, 3)]

    assert [len(one) for one in caused] == [1, 0, 1]
    assert models.aliases == {"champion": 3}
    assert [(one.model_version, one.previous_version, one.reason) for one in challenges.promotions] == [
        (1, None, "first"),
        (3, 1, "better"),
    ]
    kept = list(challenges.verdicts.values())[1]
    assert (kept.outcome, kept.champion_version) == ("kept", 1)
    assert kept.challenger_metrics["log_loss"] > kept.champion_metrics["log_loss"]
    assert cast(float, kept.interval_high) < 0


def test_the_same_event_again_repeats_the_answer_and_nothing_else(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0}
    event = challenges.add_training(1)

    first, second = evaluator.on_model_trained(event), evaluator.on_model_trained(event)

    assert first == second
    assert models.scored == ["model 1"]
    assert (challenges.reads, challenges.writes, len(challenges.promotions)) == (2, 1, 1)


def test_a_challenger_waits_for_the_ones_before_it(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 2.0, "model 2": 1.0}
    first, second = challenges.add_training(1), challenges.add_training(2)

    with pytest.raises(NotYet, match="versions 1 are judged first"):
        evaluator.on_model_trained(second)
    evaluator.on_model_trained(first)
    evaluator.on_model_trained(second)

    assert [one.model_version for one in challenges.promotions] == [1]


@pytest.mark.parametrize(
    "forged",
    [
        {"artifact_uri": "mlflow-artifacts:/1/another/artifacts/model"},
        {"artifact_sha256": "b" * 64},
        {"mlflow_run_id": "another run"},
        {"batch_id": uuid4()},
        {"id": uuid4()},
    ],
    ids=lambda fields: next(iter(fields)),
)
def test_an_event_that_differs_from_its_training_is_refused_and_the_true_one_decides(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels, forged: dict[str, Any]
) -> None:
    models.skill = {"model 1": 1.0}
    true = challenges.add_training(1)
    event = true.model_copy(update=forged)

    with pytest.raises(
        Unusable, match=f"{next(iter(forged))} is not what the training of version 1 recorded"
    ):
        evaluator.on_model_trained(event)
    evaluator.on_dead_lettered(event, "refused")

    assert challenges.verdicts == {}
    assert models.scored == []
    promoted = take_promoted(evaluator.on_model_trained(true))
    assert (promoted.artifact_uri, promoted.artifact_sha256) == ("model 1", "a" * 64)


def test_a_version_nobody_trained_is_unusable(evaluator: Evaluator, challenges: FakeChallenges) -> None:
    event = challenges.add_training(1).model_copy(update={"model_version": 9})

    with pytest.raises(Unusable, match="no training registered version 9"):
        evaluator.on_model_trained(event)


@pytest.mark.parametrize(
    ("tweets", "viral", "reason"),
    [
        (0, "both", "the batch has 0 labelled test tweets, 50 are needed (VIRAL_MIN_TEST_TWEETS)"),
        (49, "both", "the batch has 49 labelled test tweets, 50 are needed (VIRAL_MIN_TEST_TWEETS)"),
        (60, "none", f"0 of 60 {TOO_FEW}"),
        (60, "nine", f"9 of 60 {TOO_FEW}"),
        (60, "all", f"60 of 60 {TOO_FEW}"),
    ],
)
def test_a_batch_that_cannot_decide_gets_a_verdict_that_says_so(
    evaluator: Evaluator, challenges: FakeChallenges, tweets: int, viral: str, reason: str
) -> None:
    assert evaluator.on_model_trained(challenges.add_training(1, tweets, viral)) == []

    (verdict,) = challenges.verdicts.values()
    assert (verdict.outcome, verdict.reason) == ("unscorable", reason)


def test_a_batch_by_a_handful_of_authors_decides_nothing(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 3.0}

    assert evaluator.on_model_trained(challenges.add_training(1, authors=9)) == []

    (verdict,) = challenges.verdicts.values()
    assert (verdict.outcome, verdict.reason) == (
        "unscorable",
        "the 400 test tweets are by 9 authors, 10 are needed, so that no single account decides",
    )


def test_a_champion_made_for_other_features_need_not_be_beaten(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 3.0, "model 2": 1.0}
    evaluator.on_model_trained(challenges.add_training(1))
    models.refused = OtherFeaturesError("model: made for other features than this version computes")

    promoted = take_promoted(evaluator.on_model_trained(challenges.add_training(2)))

    assert (promoted.model_version, promoted.previous_version) == (2, 1)
    verdict = list(challenges.verdicts.values())[1]
    assert "the champion was refused: model: made for other features" in verdict.reason
    assert "version 2 beats the majority class" in verdict.reason


def test_a_damaged_champion_is_no_reason_to_promote_another(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0, "model 2": 3.0}
    evaluator.on_model_trained(challenges.add_training(1))
    models.refused = ArtefactError("model.onnx is 3 bytes long, not 4")

    with pytest.raises(ArtefactError, match="3 bytes"):
        evaluator.on_model_trained(challenges.add_training(2))


def test_a_verdict_says_how_well_each_tells_one_author_s_tweets_apart(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 0.2, "model 2": 2.0}
    for version in (1, 2):
        evaluator.on_model_trained(challenges.add_training(version))

    verdict = list(challenges.verdicts.values())[1]
    before, after = verdict.champion_metrics, verdict.challenger_metrics
    assert before["within_author_auc"] < 0.8 < 0.99 < after["within_author_auc"]
    assert before["within_author_auc_low"] < before["within_author_auc"] < before["within_author_auc_high"]
    assert before["within_author_authors"] == 100


def test_a_damaged_challenger_is_refused_and_the_champion_stays(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0, "model 2": ArtefactError("model.onnx is 3 bytes long, not 4")}
    evaluator.on_model_trained(challenges.add_training(1))

    assert evaluator.on_model_trained(challenges.add_training(2)) == []

    verdict = list(challenges.verdicts.values())[1]
    assert verdict.outcome == "unscorable"
    assert verdict.reason == "the challenger's artefact was refused: model.onnx is 3 bytes long, not 4"
    assert models.aliases == {"champion": 1}


def test_a_champion_that_asks_another_question_is_not_compared(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill, models.thresholds = {"model 1": 3.0, "model 2": 1.0, "model 3": 2.0}, {"model 1": 10}
    change_threshold(evaluator, 10).on_model_trained(challenges.add_training(1))

    promoted = take_promoted(evaluator.on_model_trained(challenges.add_training(2)))
    evaluator.on_model_trained(challenges.add_training(3))

    assert (promoted.reason, promoted.previous_version) == ("better", 1)
    _, second, third = challenges.verdicts.values()
    assert "the champion asks for more than 10 likes" in second.reason
    assert "version 3 is better than champion 2" in third.reason


def test_a_challenger_that_was_asked_another_question_is_not_scored(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill, models.thresholds = {"model 1": 3.0, "model 2": 3.0}, {"model 2": 10}
    evaluator.on_model_trained(challenges.add_training(1))

    assert evaluator.on_model_trained(challenges.add_training(2)) == []

    verdict = list(challenges.verdicts.values())[1]
    assert verdict.outcome == "unscorable"
    assert "trained for more than 10 likes, the evaluator asks for more than 0" in verdict.reason
    assert "VIRAL_LIKES_THRESHOLD" in verdict.reason


def test_a_verdict_says_how_sure_its_figures_are_and_where_viral_begins(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill, models.decision_threshold = {"model 1": 1.0}, 0.05

    evaluator.on_model_trained(challenges.add_training(1))

    (verdict,) = challenges.verdicts.values()
    figures = verdict.challenger_metrics
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]
    assert figures["recall"] == 1 > figures["precision"]


def change_threshold(evaluator: Evaluator, likes_threshold: int) -> Evaluator:
    """The same evaluator with another VIRAL_LIKES_THRESHOLD."""
    judge = cast(Judge, evaluator.judge)
    settings = judge.settings.model_copy(update={"likes_threshold": likes_threshold})
    assert settings.label_rule == LabelRule(likes_threshold, settings.label_rule.min_age)
    return replace(evaluator, judge=replace(judge, settings=settings))


def test_an_event_given_up_leaves_a_verdict_that_a_replay_replaces(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0}
    event = challenges.add_training(1)

    evaluator.on_dead_lettered(event, "failed 5 times, last with OSError: disk full")
    before = dict(challenges.verdicts)
    evaluator.on_model_trained(event)

    assert [(one.outcome, one.reason) for one in before.values()] == [
        ("failed", "failed 5 times, last with OSError: disk full")
    ]
    (after,) = challenges.verdicts.values()
    assert after.outcome == "promoted"
    assert before[event.id].id == after.id == uuid5(event.id, "verdict")


def test_while_mlflow_is_away_the_event_waits_and_the_promotion_stays(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill, models.away = {"model 1": 1.0}, True
    event = challenges.add_training(1)
    with pytest.raises(ServerAway):
        evaluator.on_model_trained(event)

    models.away = False
    promoted = take_promoted(evaluator.on_model_trained(event))

    assert promoted.id == challenges.promotions[0].event_id
    assert models.aliases == {"champion": 1}
    assert (len(challenges.promotions), models.shown) == (1, {1: "promoted"})


def test_a_challenger_is_promoted_in_int8_if_that_is_as_good(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill, models.int8 = {"model 1": 1.0}, {"model 1": 1.0}

    promoted = take_promoted(evaluator.on_model_trained(challenges.add_training(1)))

    assert promoted.precision == "int8"
    assert promoted.metrics["auc"] == promoted.metrics["auc_int8"] == promoted.metrics["auc_fp32"]
    (verdict,) = challenges.verdicts.values()
    assert verdict.precision == "int8"
    assert verdict.reason.endswith("in int8: to serve in int8")


def test_a_challenger_is_judged_and_promoted_in_fp32_if_int8_is_worse(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill, models.int8 = {"model 1": 1.0}, {"model 1": 0.2}

    promoted = take_promoted(evaluator.on_model_trained(challenges.add_training(1)))

    assert promoted.precision == "fp32"
    assert promoted.metrics["auc"] == promoted.metrics["auc_fp32"] > promoted.metrics["auc_int8"]


def test_the_champion_is_compared_in_the_precision_it_is_served_in(
    evaluator: Evaluator, challenges: FakeChallenges, models: FakeModels
) -> None:
    models.skill, models.int8 = {"model 1": 0.5, "model 2": 2.0, "model 3": 1.0}, {"model 1": 0.5}

    for version in (1, 2, 3):
        evaluator.on_model_trained(challenges.add_training(version))

    assert models.served_in == [("model 1", "int8"), ("model 2", "fp32")]
