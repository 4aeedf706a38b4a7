"""Record what a paid source costs, where every scraper sees it: the cap holds across restarts and hosts."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from viral_common.database.engine import Sessions
from viral_common.database.tables import Spending

from viral_scraper.stores.partitions import find_month


class SpendingStore:
    """Count one source's money by calendar month (UTC): set aside before a request, corrected after it.

    A process that dies in between leaves what it set aside as spent: too much rather than too little.
    """

    def __init__(self, sessions: Sessions, source: str) -> None:
        self._sessions = sessions
        self._source = source

    def read_spent(self) -> Decimal:
        """Read this month's, in USD."""
        query = select(Spending.usd).where(
            Spending.source == self._source, Spending.month == find_month(datetime.now(UTC))
        )
        with self._sessions() as session:
            return session.scalar(query) or Decimal(0)

    def set_aside(self, usd: Decimal, cap_usd: Decimal) -> date | None:
        """Count `usd` as spent; returns the month it counts for, or None if that would exceed the month's cap."""
        month = find_month(datetime.now(UTC))
        with self._sessions.begin() as session:
            session.execute(
                insert(Spending).values(source=self._source, month=month).on_conflict_do_nothing()
            )
            return session.scalar(
                update(Spending)
                .where(
                    Spending.source == self._source, Spending.month == month, Spending.usd + usd <= cap_usd
                )
                .values(usd=Spending.usd + usd)
                .returning(Spending.month)
            )

    def give_back(self, usd: Decimal, month: date) -> None:
        """Give back what of the money set aside was not needed; less than nothing if more was."""
        with self._sessions.begin() as session:
            session.execute(
                update(Spending)
                .where(Spending.source == self._source, Spending.month == month)
                .values(usd=Spending.usd - usd)
            )
