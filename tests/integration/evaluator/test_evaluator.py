"""Challengers are judged in order, once, whatever happens in between. Postgres is real; the models are not."""

from __future__ import annotations

from dataclasses import replace
from uuid import uuid4, uuid5

import pytest
from viral_common.database.engine import Sessions
from viral_common.database.tables import Promotion, Verdict
from viral_common.errors import ArtefactError, NotYet, Unusable
from viral_common.events import ModelPromoted
from viral_evaluator.handlers import Evaluator
from viral_evaluator.promotion import promote_by_hand, replaced_champion

from tests.integration.evaluator.stage import TWEETS, Models, rows, trained

TOO_FEW = (
    "test tweets have more than 0 likes, at least 10 with and as many without are needed "
    "(VIRAL_LIKES_THRESHOLD, VIRAL_BATCH_SIZE)"
)


def test_the_first_model_that_beats_the_majority_class_is_promoted(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0}
    event = trained(db, 1)

    caused = evaluator.on_model_trained(event)

    (promoted,) = caused
    assert isinstance(promoted, ModelPromoted)
    assert (promoted.model_version, promoted.previous_version, promoted.reason) == (1, None, "first")
    assert promoted.metrics["auc"] > 0.9
    assert models.aliases == {"champion": 1}
    (verdict,) = rows(db, Verdict)
    assert (verdict.outcome, verdict.test_count, verdict.champion_version) == ("promoted", TWEETS, None)
    assert verdict.reason.startswith(
        "there is no champion yet; version 1 beats the majority class: log loss lower by"
    )
    assert 0 < verdict.interval_low < verdict.interval_high


def test_a_first_model_no_better_than_the_majority_class_is_not_promoted(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 0.0}

    assert evaluator.on_model_trained(trained(db, 1)) == []

    assert rows(db, Verdict)[0].outcome == "kept"
    assert models.aliases == {}


def test_only_a_clearly_better_challenger_replaces_the_champion(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0, "model 2": 0.5, "model 3": 2.0}

    seqs = [
        [
            event.promotion_seq
            for event in evaluator.on_model_trained(trained(db, version))
            if isinstance(event, ModelPromoted)
        ]
        for version in (1, 2, 3)
    ]

    assert [len(one) for one in seqs] == [1, 0, 1]
    assert seqs[2] > seqs[0]
    assert models.aliases == {"champion": 3}
    assert [(one.model_version, one.previous_version, one.reason) for one in rows(db, Promotion)] == [
        (1, None, "first"),
        (3, 1, "better"),
    ]
    kept = rows(db, Verdict)[1]
    assert (kept.outcome, kept.champion_version) == ("kept", 1)
    assert kept.challenger_metrics["log_loss"] > kept.champion_metrics["log_loss"]
    assert kept.interval_high < 0


def test_the_same_event_again_repeats_the_answer_and_nothing_else(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0}
    event = trained(db, 1)

    first, second = evaluator.on_model_trained(event), evaluator.on_model_trained(event)

    assert first == second
    assert models.scored == ["model 1"]
    assert (len(rows(db, Verdict)), len(rows(db, Promotion))) == (1, 1)


def test_reordered_events_lead_to_the_same_champion(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 2.0, "model 2": 1.0}
    first, second = trained(db, 1), trained(db, 2)

    with pytest.raises(NotYet, match="versions 1 are judged first"):
        evaluator.on_model_trained(second)
    evaluator.on_model_trained(first)
    evaluator.on_model_trained(second)

    assert [one.model_version for one in rows(db, Promotion)] == [1]


def test_a_champion_promoted_by_hand_in_between_is_the_one_to_beat(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 0.5, "model 2": 2.0, "model 3": 1.0}
    for version in (1, 2):
        evaluator.on_model_trained(trained(db, version))
    with db.begin() as session:
        before = replaced_champion(session)
        promote_by_hand(session, before.model_version, "complaints about version 2")

    (promoted,) = evaluator.on_model_trained(trained(db, 3))

    assert isinstance(promoted, ModelPromoted)
    assert (promoted.model_version, promoted.previous_version) == (3, 1)


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
    evaluator: Evaluator, db: Sessions, tweets: int, viral: str, reason: str
) -> None:
    assert evaluator.on_model_trained(trained(db, 1, tweets, viral)) == []

    (verdict,) = rows(db, Verdict)
    assert (verdict.outcome, verdict.reason) == ("unscorable", reason)


def test_a_damaged_challenger_is_refused_and_the_champion_stays(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0, "model 2": ArtefactError("model.onnx is 3 bytes long, not 4")}
    evaluator.on_model_trained(trained(db, 1))

    assert evaluator.on_model_trained(trained(db, 2)) == []

    verdict = rows(db, Verdict)[1]
    assert verdict.outcome == "unscorable"
    assert verdict.reason == "the challenger's artefact was refused: model.onnx is 3 bytes long, not 4"
    assert models.aliases == {"champion": 1}


def test_a_champion_that_asks_another_question_is_not_compared(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.thresholds = {"model 1": 3.0, "model 2": 1.0, "model 3": 2.0}, {"model 1": 10}
    asking(evaluator, 10).on_model_trained(trained(db, 1))

    (promoted,) = evaluator.on_model_trained(trained(db, 2))
    evaluator.on_model_trained(trained(db, 3))

    assert isinstance(promoted, ModelPromoted)
    assert (promoted.reason, promoted.previous_version) == ("better", 1)
    _, second, third = rows(db, Verdict)
    assert "the champion asks for more than 10 likes" in second.reason
    assert "version 3 is better than champion 2" in third.reason


def test_a_challenger_that_was_asked_another_question_is_not_scored(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.thresholds = {"model 1": 3.0, "model 2": 3.0}, {"model 2": 10}
    evaluator.on_model_trained(trained(db, 1))

    assert evaluator.on_model_trained(trained(db, 2)) == []

    verdict = rows(db, Verdict)[1]
    assert verdict.outcome == "unscorable"
    assert "trained for more than 10 likes, the evaluator asks for more than 0" in verdict.reason
    assert "VIRAL_LIKES_THRESHOLD" in verdict.reason


def test_a_verdict_tells_how_sure_its_figures_are_and_where_viral_begins(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.called_from = {"model 1": 1.0}, 0.05

    evaluator.on_model_trained(trained(db, 1))

    (verdict,) = rows(db, Verdict)
    figures = verdict.challenger_metrics
    assert figures["auc_low"] < figures["auc"] < figures["auc_high"]
    assert figures["recall"] == 1 > figures["precision"]


def asking(evaluator: Evaluator, likes_threshold: int) -> Evaluator:
    """The same with another VIRAL_LIKES_THRESHOLD."""
    settings = evaluator.judge.settings.model_copy(update={"likes_threshold": likes_threshold})
    return replace(evaluator, judge=replace(evaluator.judge, settings=settings))


def test_a_batch_or_version_nobody_knows_is_unusable(evaluator: Evaluator, db: Sessions) -> None:
    event = trained(db, 1)

    with pytest.raises(Unusable, match="does not exist"):
        evaluator.on_model_trained(event.model_copy(update={"batch_id": uuid4(), "id": uuid4()}))
    with pytest.raises(Unusable, match="registered version 9"):
        evaluator.on_model_trained(event.model_copy(update={"model_version": 9, "id": uuid4()}))


def test_an_event_given_up_leaves_a_verdict_that_a_replay_replaces(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill = {"model 1": 1.0}
    event = trained(db, 1)

    evaluator.on_dead_lettered(event, "failed 5 times, last with OSError: disk full")
    before = rows(db, Verdict)
    evaluator.on_model_trained(event)
    after = rows(db, Verdict)

    assert [(one.outcome, one.reason) for one in before] == [
        ("failed", "failed 5 times, last with OSError: disk full")
    ]
    assert [one.outcome for one in after] == ["promoted"]
    assert before[0].id == after[0].id == uuid5(event.id, "verdict")


def test_an_unknown_batch_given_up_leaves_nothing(evaluator: Evaluator, db: Sessions) -> None:
    event = trained(db, 1).model_copy(update={"batch_id": uuid4(), "id": uuid4()})

    evaluator.on_dead_lettered(event, "batch does not exist")

    assert rows(db, Verdict) == []
