"""Compute what reading posts costs, and spend no more than a month's cap."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from viral_scraper.sources.x.api import Page
from viral_scraper.stores.spending import SpendingStore

MOST_MEDIA = 4  # in one post


@dataclass(frozen=True)
class Prices:
    """Hold the USD for each resource in an answer; zero for users that are not asked for."""

    post: Decimal
    user: Decimal
    media: Decimal

    def compute_cost(self, page: Page) -> Decimal:
        """Compute what an answer costs."""
        includes = page.includes
        return len(page.data) * self.post + len(includes.users) * self.user + len(includes.media) * self.media

    def compute_most(self, posts: int) -> Decimal:
        """Compute what so many posts cost if each has an author of its own and all the media it may have."""
        return posts * (self.post + self.user + MOST_MEDIA * self.media)

    def estimate_cost(self, posts: int) -> Decimal:
        """Estimate what so many posts cost without media."""
        return posts * (self.post + self.user)


class Budget:
    """Set money aside for each request at its most, and correct it to what the answer cost."""

    def __init__(self, spending: SpendingStore, prices: Prices, cap_usd: Decimal) -> None:
        self._spending = spending
        self.prices = prices
        self.cap_usd = cap_usd

    def compute_left(self) -> Decimal:
        """Compute what this month may still cost."""
        return self.cap_usd - self._spending.read_spent()

    def limit_to_budget(self, posts: int) -> int:
        """Limit a number of posts to what the money allows."""
        most = self.prices.compute_most(1)
        return min(posts, int(self.compute_left() / most)) if most else posts

    def pay(self, most: Decimal, ask: Callable[[], Page]) -> Page | None:
        """Call `ask` if `most` may still be spent. A request that fails costs nothing."""
        month = self._spending.set_aside(most, self.cap_usd)
        if month is None:
            return None
        cost = Decimal(0)
        try:
            page = ask()
            cost = self.prices.compute_cost(page)
            return page
        finally:
            self._spending.give_back(most - cost, month)
