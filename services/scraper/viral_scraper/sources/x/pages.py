"""Parse answers of X API v2. The fields: https://docs.x.com/x-api/fundamentals/data-dictionary"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel
from viral_common.archive import x_api
from viral_common.archive.bad_rows import BadRow
from viral_common.archive.fields import get_count, get_text
from viral_common.tweets.tweet import Engagement, RawTweet

from viral_scraper.sources.retries import SourceAway

TWEET_FIELDS = [
    "attachments",
    "author_id",
    "created_at",
    "entities",
    "lang",
    "note_tweet",
    "public_metrics",
    "referenced_tweets",
]


class Includes(BaseModel):
    """What the posts of a page refer to; billed like posts."""

    users: list[dict[str, Any]] = []
    media: list[dict[str, Any]] = []


class Meta(BaseModel):
    """Where the next page is."""

    next_token: str | None = None


class Page(BaseModel):
    """One answer; its posts are read one by one, so that a broken one is left out alone."""

    data: list[dict[str, Any]] = []
    includes: Includes = Includes()
    meta: Meta = Meta()

    def read_tweets(self, bad_rows: Counter[str]) -> Iterator[RawTweet]:
        """Read the tweets as from files of such answers; count unusable ones."""
        read_at = datetime.now(UTC)
        for row in x_api.read_page_rows({"data": self.data, "includes": self.includes.model_dump()}):
            try:
                yield replace(x_api.read_x_tweet(row), counts_observed_at=read_at)
            except BadRow as error:
                bad_rows[str(error)] += 1

    def read_engagements(self) -> Iterator[Engagement]:
        """Read the counts. Raises SourceAway for one that cannot be read: it must not pass for deleted."""
        read_at = datetime.now(UTC)
        for row in self.data:
            counts = row.get("public_metrics") or {}
            try:
                likes, retweets, replies = (
                    get_count(counts.get(name), name)
                    for name in ("like_count", "retweet_count", "reply_count")
                )
                yield Engagement(get_text(row.get("id"), "id"), likes, retweets, replies, read_at)
            except BadRow as error:
                raise SourceAway(f"X's counts cannot be read ({error}); they are asked for again") from error
