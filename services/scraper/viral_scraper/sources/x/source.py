"""Collect from X's official API v2: recent search, billed by the post. VIRAL_X_SPENDING_CAP_USD bounds a month."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Self

import structlog
from pydantic import Field, SecretStr
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError
from viral_common.settings import load_settings
from viral_common.tweets.tweet import Engagement, RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings, SourceSettings
from viral_scraper.sources.base import MOST_PAGES, Window, end_paging, find_mature_day, take_in_order
from viral_scraper.sources.x.api import Page, XApi
from viral_scraper.sources.x.costs import Budget, Prices
from viral_scraper.stores.spending import SpendingStore

log = structlog.get_logger()

# Recent search goes back seven days; the day itself and the hours since its end are part of them.
REACH = timedelta(days=7)
OLDEST_DAY_END = timedelta(days=5)
FEWEST, MOST = 10, 100  # posts of one answer
# The filters leave these out, so nobody should pay for them.
WANTED = "lang:en -is:retweet -is:reply"
TOO_OLD = "intervals older than the seven days that X's recent search reaches"
TOO_DEAR = "intervals cut short by VIRAL_X_SPENDING_CAP_USD"


class XSettings(SourceSettings, env_prefix="VIRAL_X_"):
    """The source `x`. Prices are those of https://docs.x.com/x-api/getting-started/pricing in August 2026."""

    bearer_token: SecretStr = Field(default=SecretStr(""), description="An app's bearer token for API v2")
    spending_cap_usd: Decimal = Field(
        default=Decimal(0), ge=0, description="Most that a calendar month (UTC) may cost; 0: nothing is read"
    )
    post_price_usd: Decimal = Field(
        default=Decimal("0.005"),
        ge=0,
        description="Price of a post read, as of August 2026: check it at https://developer.x.com/#pricing",
    )
    user_price_usd: Decimal = Field(
        default=Decimal("0.010"), ge=0, description="Price of an author read, as of August 2026: check it"
    )
    media_price_usd: Decimal = Field(
        default=Decimal("0.005"), ge=0, description="Price of a photo or video, as of August 2026: check it"
    )
    usernames: bool = Field(
        default=True,
        description="Whether authors are read, for their usernames and public counts; without, both stay unknown",
    )
    api_url: str = Field(default="https://api.x.com", description="Where the API is")


class XSource:
    """Collect the newest day whose likes had VIRAL_MIN_AGE to come, as far as seven days allow."""

    name = "x"

    def __init__(self, query: str, min_age: timedelta, api: XApi, budget: Budget) -> None:
        self.query = query
        self.bad_rows: Counter[str] = Counter()
        self._age = min(min_age, OLDEST_DAY_END)
        self._api = api
        self._budget = budget

    @classmethod
    def from_settings(cls, settings: ScraperSettings, _report: ReportProgress, sessions: Sessions, /) -> Self:
        """Build it. Raises UsageError for settings without which nothing can be read."""
        own = load_settings(XSettings)
        if not own.bearer_token.get_secret_value():
            raise UsageError("VIRAL_X_BEARER_TOKEN is empty; get one for your app at https://developer.x.com")
        if not settings.query.strip():
            raise UsageError("VIRAL_QUERY is empty; say what to search X for, such as: coffee OR tea")
        if not own.spending_cap_usd:
            raise UsageError("VIRAL_X_SPENDING_CAP_USD is 0 and X bills each post; say what a month may cost")
        user_price = own.user_price_usd if own.usernames else Decimal(0)
        prices = Prices(own.post_price_usd, user_price, own.media_price_usd)
        return cls(
            settings.query.strip(),
            settings.min_age,
            XApi(own.api_url, own.bearer_token.get_secret_value(), own.usernames),
            Budget(SpendingStore(sessions, cls.name), prices, own.spending_cap_usd),
        )

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        """Search; the newest come first: of more than `limit` those. Stops where the money would not reach."""
        if since < datetime.now(UTC) - REACH:
            self.bad_rows[TOO_OLD] += 1
            return
        found = (
            tweet
            for page in self._read_pages(since, until, limit)
            for tweet in page.read_tweets(self.bad_rows)
        )
        yield from take_in_order(found, since, until, limit)

    def find_next_window(self, after: datetime | None, size: int, /) -> Window | None:
        """Find the day, and log beforehand what `size` tweets cost."""
        window = find_mature_day(after, self._age)
        if window is None:
            return None
        left = self._budget.compute_left()
        if self._budget.limit_to_budget(FEWEST) < FEWEST:
            raise UsageError(
                f"X: {left:.2f} USD are left of VIRAL_X_SPENDING_CAP_USD={self._budget.cap_usd} this month, too little "
                "for a page; raise it or wait for the next month"
            )
        cost = self._budget.prices.estimate_cost(size)
        log.info(
            "what this batch may cost", tweets=size, usd=f"{cost:.2f}", left_this_month_usd=f"{left:.2f}"
        )
        return window

    def refresh(self, ids: Sequence[str], /) -> Iterator[Engagement]:
        """Read counts again, each billed. Raises UsageError where the money would not reach."""
        for start in range(0, len(ids), MOST):
            asked = ids[start : start + MOST]
            most = len(asked) * self._budget.prices.post
            page = self._budget.pay(most, partial(self._api.read_counts, asked))
            if page is None:
                raise UsageError("X: VIRAL_X_SPENDING_CAP_USD is reached; likes are read again next month")
            yield from page.read_engagements()

    def _read_pages(self, since: datetime, until: datetime, limit: int | None) -> Iterator[Page]:
        room = limit if limit is not None else MOST
        token: str | None = None
        tokens: set[str] = set()
        while room > 0:
            size = self._budget.limit_to_budget(max(FEWEST, min(room, MOST)))
            page = self._pay_page(since, until, size, token) if size >= FEWEST else None
            if page is None:
                self.bad_rows[TOO_DEAR] += 1
                log.warning("spending cap reached", cap_usd=str(self._budget.cap_usd))
                return
            yield page
            token = page.meta.next_token
            if token is None:
                return
            if token in tokens or len(tokens) >= MOST_PAGES:
                end_paging(self.name, "X's pages do not come to an end", self.bad_rows)
                return
            tokens.add(token)
            room -= len(page.data) if limit is not None else 0

    def _pay_page(self, since: datetime, until: datetime, size: int, token: str | None) -> Page | None:
        most = self._budget.prices.compute_most(size)
        return self._budget.pay(
            most, lambda: self._api.search(f"({self.query}) {WANTED}", since, until, size, token)
        )
