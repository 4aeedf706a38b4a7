"""MLflow's alias `champion` follows what Postgres says, late or not. Only Postgres is real."""

from __future__ import annotations

import threading

import pytest
from mlflow.exceptions import RestException
from viral_common.database.engine import Sessions
from viral_common.database.tables import Promotion
from viral_common.errors import ServerAway
from viral_common.events import ModelPromoted, derive_event_id
from viral_evaluator.alias_follower import AliasFollower
from viral_evaluator.handlers import Evaluator
from viral_evaluator.promotion import promote_by_hand

from tests.eventually import eventually
from tests.integration.evaluator.rows import read_rows, store_training
from tests.unit.evaluator.fakes import FakeModels

GONE = RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no version 1"})


def test_a_kill_between_the_promotion_and_the_alias_is_made_good(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill, models.away = {"model 1": 1.0}, True
    event = store_training(db, 1)
    with pytest.raises(ServerAway):
        evaluator.on_model_trained(event)

    models.away = False
    (promoted,) = evaluator.on_model_trained(event)

    assert promoted.id == derive_event_id(event.id, "model.promoted")
    assert models.aliases == {"champion": 1}
    assert len(read_rows(db, Promotion)) == 1
    assert models.shown == {1: "promoted"}


def test_a_version_deleted_by_hand_in_mlflow_does_not_keep_its_promotion_back(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill, models.faults = {"model 1": 1.0}, [GONE]

    (promoted,) = evaluator.on_model_trained(store_training(db, 1))

    assert isinstance(promoted, ModelPromoted)
    assert models.faults == []


def test_the_alias_is_followed_whatever_went_wrong_before(
    alias: AliasFollower, db: Sessions, models: FakeModels
) -> None:
    store_training(db, 1)
    with db.begin() as session:
        promote_by_hand(session, 1, "we like it")
    models.faults = [GONE, RuntimeError()]
    stopping = threading.Event()
    following = threading.Thread(target=alias.run, args=(stopping,))

    following.start()
    try:
        eventually(lambda: models.aliases == {"champion": 1})
    finally:
        stopping.set()
        following.join()


def test_a_late_repeat_does_not_take_the_alias_back(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 0.5, "model 2": 2.0}
    first = store_training(db, 1)
    evaluator.on_model_trained(first)
    evaluator.on_model_trained(store_training(db, 2))

    evaluator.on_model_trained(first)

    assert models.aliases == {"champion": 2}
