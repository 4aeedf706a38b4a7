"""Challengers are judged in order, once, whatever happens in between. Postgres is real; the models are not."""

from __future__ import annotations

from uuid import uuid4, uuid5

import pytest
from viral_common.database.engine import Sessions
from viral_common.database.tables import Promotion, Verdict
from viral_common.errors import NotYet, Unusable
from viral_common.events import ModelPromoted
from viral_evaluator.handlers import Evaluator
from viral_evaluator.promotion import find_replaced_champion, promote_by_hand

from tests.integration.evaluator.rows import read_rows, store_training
from tests.unit.evaluator.fakes import FakeModels


def test_only_a_clearly_better_challenger_replaces_the_champion(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0, "model 2": 0.5, "model 3": 2.0}

    seqs = [
        [
            event.promotion_seq
            for event in evaluator.on_model_trained(store_training(db, version))
            if isinstance(event, ModelPromoted)
        ]
        for version in (1, 2, 3)
    ]

    assert [len(one) for one in seqs] == [1, 0, 1]
    assert seqs[2] > seqs[0]
    assert models.aliases == {"champion": 3}
    assert [(one.model_version, one.previous_version, one.reason) for one in read_rows(db, Promotion)] == [
        (1, None, "first"),
        (3, 1, "better"),
    ]
    kept = read_rows(db, Verdict)[1]
    assert (kept.outcome, kept.champion_version) == ("kept", 1)
    assert kept.challenger_metrics["log_loss"] > kept.champion_metrics["log_loss"]
    assert kept.interval_high < 0


def test_the_same_event_again_repeats_the_answer_and_nothing_else(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0}
    event = store_training(db, 1)

    first, second = evaluator.on_model_trained(event), evaluator.on_model_trained(event)

    assert first == second
    assert models.shown_at[1] == read_rows(db, Verdict)[0].created_at
    assert models.scored == ["model 1"]
    assert (len(read_rows(db, Verdict)), len(read_rows(db, Promotion))) == (1, 1)


def test_reordered_events_lead_to_the_same_champion(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 2.0, "model 2": 1.0}
    first, second = store_training(db, 1), store_training(db, 2)

    with pytest.raises(NotYet, match="versions 1 are judged first"):
        evaluator.on_model_trained(second)
    evaluator.on_model_trained(first)
    evaluator.on_model_trained(second)

    assert [one.model_version for one in read_rows(db, Promotion)] == [1]


def test_a_champion_promoted_by_hand_in_between_is_the_one_to_beat(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 0.5, "model 2": 2.0, "model 3": 1.0}
    for version in (1, 2):
        evaluator.on_model_trained(store_training(db, version))
    with db.begin() as session:
        before = find_replaced_champion(session)
        promote_by_hand(session, before.model_version, "complaints about version 2")

    (promoted,) = evaluator.on_model_trained(store_training(db, 3))

    assert isinstance(promoted, ModelPromoted)
    assert (promoted.model_version, promoted.previous_version) == (3, 1)


def test_an_event_given_up_leaves_a_verdict_that_a_replay_replaces(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0}
    event = store_training(db, 1)

    evaluator.on_dead_lettered(event, "failed 5 times, last with OSError: disk full")
    before = read_rows(db, Verdict)
    evaluator.on_model_trained(event)
    after = read_rows(db, Verdict)

    assert [(one.outcome, one.reason) for one in before] == [
        ("failed", "failed 5 times, last with OSError: disk full")
    ]
    assert [one.outcome for one in after] == ["promoted"]
    assert before[0].id == after[0].id == uuid5(event.id, "verdict")


@pytest.mark.parametrize("field", ["artifact_uri", "artifact_sha256", "id", "batch_id"])
def test_a_forged_event_is_refused_and_leaves_no_verdict(
    evaluator: Evaluator, db: Sessions, models: FakeModels, field: str
) -> None:
    models.skill = {"model 1": 1.0}
    event = store_training(db, 1)
    forged = event.model_copy(update={field: uuid4() if field in ("id", "batch_id") else "b" * 64})

    with pytest.raises(Unusable, match=f"{field} is not what the training of version 1 recorded"):
        evaluator.on_model_trained(forged)
    evaluator.on_dead_lettered(forged, "refused")

    assert read_rows(db, Verdict) == []
    evaluator.on_model_trained(event)
    assert [one.artifact_uri for one in read_rows(db, Promotion)] == ["model 1"]


def test_a_champion_promoted_while_the_challenger_is_scored_makes_the_event_wait(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 1.0, "model 2": 2.0}
    store_training(db, 1)
    event = store_training(db, 2)
    with db.begin() as session:
        promote_by_hand(session, 1, "a start")
    challenge = evaluator.challenges.read_challenge(event)
    with db.begin() as session:
        promote_by_hand(session, 2, "we like it")

    with pytest.raises(NotYet, match="the champion changed"):
        evaluator.challenges.settle(evaluator.judge.compare(challenge), None, challenge.champion)

    assert read_rows(db, Verdict) == []
