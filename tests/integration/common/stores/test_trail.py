"""The trails of batches and versions as Postgres tells them, a page at a time."""

from __future__ import annotations

import pytest
from viral_common.database.engine import Sessions
from viral_common.database.tables import Promotion
from viral_common.stores.trail import BatchTrail, read_batch_trails, read_model_records

from tests.unit.gateway.trails import make_trails


@pytest.fixture
def trails(db: Sessions) -> list[BatchTrail]:
    """Forty days, stored; version 2 was brought back by hand at the end."""
    trails = make_trails(40)
    with db.begin() as session:
        session.add_all(trail.batch for trail in trails)
        session.flush()
        for rows in ("training", "verdict", "promotion"):
            session.add_all(row for trail in trails if (row := getattr(trail, rows)))
            session.flush()
    with db.begin() as session:
        brought_back = {"seq": 1_000, "event_id": trails[0].batch.id, "verdict_id": None, "reason": "manual"}
        session.add(Promotion(**{**_values(trails[-2].promotion), **brought_back, "note": "complaints"}))
    return trails


def test_batches_come_page_by_page_each_with_what_followed(db: Sessions, trails: list[BatchTrail]) -> None:
    with db() as session:
        pages = [read_batch_trails(session, 15, offset) for offset in (0, 15, 30, 45)]

    found = [trail for page in pages for trail in page]
    assert [len(page) for page in pages] == [15, 15, 10, 0]
    assert [_names(trail) for trail in found] == [_names(trail) for trail in trails]
    second = found[-2]
    assert second.promotion
    assert second.promotion.reason == "better"
    assert [promotion.reason for promotion in second.promotions] == ["manual", "better"]


def test_versions_come_page_by_page_with_their_own_verdicts_and_promotions(
    db: Sessions, trails: list[BatchTrail]
) -> None:
    with db() as session:
        newest, oldest = read_model_records(session, 3), read_model_records(session, 3, 31)

    assert [record.training.model_version for record in newest] == [39, 38, 37]
    assert [record.training.model_version for record in oldest] == [3, 2, 1]
    assert all(
        record.verdict.challenger_version == record.training.model_version
        for record in newest
        if record.verdict
    )
    assert [len(record.promotions) for record in oldest] == [0, 2, 1]


def _names(trail: BatchTrail) -> tuple[object, ...]:
    return (
        trail.batch.id,
        trail.training and trail.training.model_version,
        trail.verdict and trail.verdict.outcome,
        trail.promotion and trail.promotion.seq,
    )


def _values(row: Promotion | None) -> dict[str, object]:
    assert row
    return {column.key: getattr(row, column.key) for column in Promotion.__table__.columns}
