"""Advisory locks, by number."""

from __future__ import annotations

from viral_common import database, forgetting, ledger


def test_no_two_locks_share_a_number() -> None:
    locks = [database.MIGRATION_LOCK, ledger.PROMOTION_LOCK, forgetting.LOCK]

    assert len(set(locks)) == len(locks)
