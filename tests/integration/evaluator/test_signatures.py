"""Every promotion is signed, and a row that somebody else wrote neither wins nor stays."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from viral_common.database.engine import Sessions
from viral_common.database.tables import Promotion, Training, Verdict
from viral_common.errors import SignatureError
from viral_common.stores import ledger
from viral_evaluator.handlers import Evaluator
from viral_evaluator.promotion import promote_by_hand

from tests.integration.evaluator.rows import read_rows, store_training
from tests.signing import EVALUATOR, TRAINER, make_trust
from tests.unit.evaluator.fakes import FakeModels


def forge_promotion(db: Sessions, version: int, **fields: Any) -> None:
    """Write a row as whoever may insert into the table can."""
    with db.begin() as session:
        training = ledger.find_training_by_version(session, version)
        assert training is not None
        champion = ledger.find_champion(session)
        row = Promotion(
            seq=champion.seq + 1 if champion else 1,
            event_id=uuid4(),
            batch_id=training.batch_id,
            model_version=version,
            mlflow_run_id=training.mlflow_run_id,
            artifact_uri=training.artifact_uri,
            artifact_sha256=training.artifact_sha256,
            precision="fp32",
            reason="better",
            metrics={},
        )
        for name, value in fields.items():
            setattr(row, name, value)
        session.add(row)


def test_promotions_by_verdict_and_by_hand_are_signed_as_they_are_stored(
    evaluator: Evaluator, db: Sessions, models: FakeModels, tmp_path: Path
) -> None:
    models.skill = {"model 1": 2.0, "model 2": 0.5}
    for version in (1, 2):
        evaluator.on_model_trained(store_training(db, version))
    with db.begin() as session:
        promote_by_hand(session, 2, "we like it", sign=EVALUATOR.sign_promotion)

    trust, rows = make_trust(tmp_path), read_rows(db, Promotion)

    assert [(row.model_version, trust.check_promotion(row)) for row in rows] == [(1, True), (2, True)]
    assert (datetime.now(UTC) - rows[0].promoted_at).total_seconds() < 60


def test_a_forged_row_of_whatever_number_is_overtaken_by_the_next_honest_one(
    db: Sessions, tmp_path: Path
) -> None:
    for version in (1, 2):
        store_training(db, version)
    forge_promotion(db, 1, seq=10**15)

    with db.begin() as session:
        promote_by_hand(session, 2, "an honest one", sign=EVALUATOR.sign_promotion)
    with db.begin() as session:
        promote_by_hand(session, 1, "and another", sign=EVALUATOR.sign_promotion)

    with db() as session:
        champion = ledger.find_champion(session)
    assert champion is not None
    assert (champion.model_version, champion.seq) == (1, 10**15 + 2)
    assert make_trust(tmp_path).check_promotion(champion)


def test_a_champion_that_nobody_signed_need_not_be_beaten(
    evaluator: Evaluator, db: Sessions, models: FakeModels
) -> None:
    models.skill = {"model 1": 3.0, "model 2": 1.0}
    store_training(db, 1)
    with db.begin() as session:
        session.add(make_kept_verdict(ledger.find_training_by_version(session, 1)))
    forge_promotion(db, 1)
    models.refused = SignatureError("the promotion is not signed")

    (promoted,) = evaluator.on_model_trained(store_training(db, 2))

    newest = read_rows(db, Verdict)[-1]
    assert newest.outcome == "promoted"
    assert newest.reason.startswith(
        "the champion was refused: the promotion is not signed; version 2 beats the majority"
    )
    assert promoted.batch_id == newest.batch_id


def make_kept_verdict(training: Training | None) -> Verdict:
    assert training is not None
    return Verdict(
        id=uuid4(),
        event_id=uuid4(),
        batch_id=training.batch_id,
        outcome="kept",
        challenger_version=training.model_version,
        rule="none",
        reason="judged before",
    )


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        ((None, None), "the promotion is not signed"),
        ((EVALUATOR.key_id, "A" * 88), "wrong signature"),
        ((TRAINER.key_id, "A" * 88), "only the evaluator may"),
    ],
)
def test_a_row_written_by_sql_is_none_of_the_evaluators(
    db: Sessions, tmp_path: Path, signature: tuple[str | None, str | None], reason: str
) -> None:
    store_training(db, 1)
    forge_promotion(db, 1, signed_by=signature[0], signature=signature[1])

    with pytest.raises(SignatureError, match=reason):
        make_trust(tmp_path).check_promotion(read_rows(db, Promotion)[0])
