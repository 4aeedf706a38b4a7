"""Promotions are numbered without a gap, and a version belongs to one batch."""

from __future__ import annotations

import threading
from uuid import uuid4

import pytest
from viral_common.database.engine import Sessions
from viral_common.database.tables import Promotion, Training
from viral_common.errors import Unusable
from viral_common.stores import ledger

from tests.unit.gateway.trails import make_trails


@pytest.fixture
def trainings(db: Sessions) -> list[Training]:
    """Of two batches; the first one is recorded."""
    trails = make_trails(2)
    with db.begin() as session:
        session.add_all(trail.batch for trail in trails)
        session.flush()
        first, second = (trail.training for trail in trails)
        assert first
        assert second
        ledger.record_training(session, first)
    return [first, second]


def promote(db: Sessions, training: Training) -> int:
    with db.begin() as session:
        ledger.lock_promotions(session)
        promotion = Promotion(
            event_id=uuid4(),
            batch_id=training.batch_id,
            model_version=training.model_version,
            mlflow_run_id="run",
            artifact_uri="mlflow-artifacts:/1",
            artifact_sha256="0" * 64,
            precision="fp32",
            reason="manual",
            metrics={},
        )
        return ledger.add_promotion(session, promotion).seq


def test_a_promotion_that_was_rolled_back_leaves_no_gap(db: Sessions, trainings: list[Training]) -> None:
    def refuse(_: Promotion) -> tuple[str, str]:
        raise RuntimeError("the key cannot be read")

    first = promote(db, trainings[0])
    with db.begin() as session, pytest.raises(RuntimeError):
        ledger.add_promotion(session, Promotion(), sign=refuse)

    assert (first, promote(db, trainings[0])) == (1, 2)


def test_promotions_at_the_same_time_get_numbers_one_after_the_other(
    db: Sessions, trainings: list[Training]
) -> None:
    numbers: list[int] = []
    threads = [threading.Thread(target=lambda: numbers.append(promote(db, trainings[0]))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(numbers) == list(range(1, 9))


def test_a_version_that_is_another_batchs_here_is_refused_with_the_servers_named(
    db: Sessions, trainings: list[Training]
) -> None:
    first, second = trainings
    second.model_version = first.model_version

    with db.begin() as session, pytest.raises(Unusable, match=r"VIRAL_MLFLOW_URL and VIRAL_DATABASE_URL"):
        ledger.record_training(session, second)
    with db.begin() as session:
        ledger.record_training(session, first)  # again
