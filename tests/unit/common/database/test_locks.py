"""Advisory locks, by number."""

from __future__ import annotations

from viral_common.database import engine
from viral_common.stores import ledger
from viral_scraper.stores import forgotten


def test_no_two_locks_share_a_number() -> None:
    locks = [engine.MIGRATION_LOCK, ledger.PROMOTION_LOCK, forgotten.LOCK]

    assert len(set(locks)) == len(locks)
