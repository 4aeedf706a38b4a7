"""What was decided stays as it was written."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from viral_common.database.engine import Sessions
from viral_common.stores import ledger
from viral_evaluator.promotion import promote_by_hand

from tests.integration.evaluator.rows import store_training

CHANGES = [
    "UPDATE trainings SET artifact_uri = 'mlflow-artifacts:/theirs'",
    "DELETE FROM trainings",
    "UPDATE promotions SET artifact_sha256 = 'theirs'",
    "DELETE FROM promotions",
    "UPDATE verdicts SET outcome = 'promoted'",
    "DELETE FROM verdicts",
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_decision_cannot_be_changed(db: Sessions, change: str) -> None:
    event = store_training(db, 1)
    with db.begin() as session:
        promote_by_hand(session, 1, "a start")
        session.execute(
            text(
                "INSERT INTO verdicts (id, event_id, batch_id, outcome, rule, reason) "
                "VALUES (gen_random_uuid(), gen_random_uuid(), :batch, 'kept', 'none', 'no better')"
            ),
            {"batch": event.batch_id},
        )

    with pytest.raises(DBAPIError, match="are only ever added"), db.begin() as session:
        session.execute(text(change))

    with db() as session:
        champion = ledger.find_champion(session)
    assert champion is not None
    assert champion.artifact_uri == "model 1"
