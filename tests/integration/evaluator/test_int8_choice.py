"""In which precision a challenger is promoted. Postgres is real; the models are not."""

from __future__ import annotations

from viral_common.database.engine import Sessions
from viral_common.database.tables import Verdict
from viral_common.events import ModelPromoted
from viral_evaluator.handlers import Evaluator
from viral_evaluator.promotion import promote_by_hand, replaced_champion

from tests.integration.evaluator.stage import Models, rows, trained


def test_a_challenger_is_promoted_in_int8_if_that_is_as_good(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 1.0}, {"model 1": 1.0}

    (promoted,) = evaluator.on_model_trained(trained(db, 1))

    assert isinstance(promoted, ModelPromoted)
    assert promoted.precision == "int8"
    assert promoted.metrics["auc"] == promoted.metrics["auc_int8"] == promoted.metrics["auc_fp32"]
    assert rows(db, Verdict)[0].precision == "int8"
    assert rows(db, Verdict)[0].reason.endswith("in int8: to serve in int8")


def test_a_challenger_is_judged_and_promoted_in_fp32_if_int8_is_worse(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 1.0}, {"model 1": 0.2}

    (promoted,) = evaluator.on_model_trained(trained(db, 1))

    assert isinstance(promoted, ModelPromoted)
    assert promoted.precision == "fp32"
    assert promoted.metrics["auc"] == promoted.metrics["auc_fp32"] > promoted.metrics["auc_int8"]


def test_the_champion_is_compared_in_the_precision_it_is_served_in(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 0.5, "model 2": 2.0, "model 3": 1.0}, {"model 1": 0.5}

    for version in (1, 2, 3):
        evaluator.on_model_trained(trained(db, version))

    assert models.served_in == [("model 1", "int8"), ("model 2", "fp32")]


def test_by_hand_a_version_is_served_as_its_verdict_says_unless_told_otherwise(
    evaluator: Evaluator, db: Sessions, models: Models
) -> None:
    models.skill, models.int8 = {"model 1": 0.5, "model 2": 2.0}, {"model 1": 0.5}
    for version in (1, 2):
        evaluator.on_model_trained(trained(db, version))

    with db.begin() as session:
        promoted = [
            promote_by_hand(session, 1, "as judged"),
            promote_by_hand(session, 1, "an old processor", "fp32"),
        ]
        before = replaced_champion(session)

    assert [(one.model_version, one.precision) for one in promoted] == [(1, "int8"), (1, "fp32")]
    assert (before.model_version, before.precision) == (1, "int8")
