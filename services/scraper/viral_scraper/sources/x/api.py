"""Call X API v2 through tweepy, with retries at rate limits and failures, and parse its answers.

The fields: https://docs.x.com/x-api/fundamentals/data-dictionary
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import requests
import tweepy
from pydantic import BaseModel, Field
from viral_common.archive import x_api
from viral_common.archive.bad_rows import BadRow, count_unknown
from viral_common.archive.fields import get_count, get_text
from viral_common.errors import UsageError, summarise_error
from viral_common.tweets.tweet import Engagement, RawTweet

from viral_scraper.sources.limits import BoundedAdapter, BoundedSession
from viral_scraper.sources.retries import Sleep, SourceAway, TryAgain, call_with_retries

TWEEPY_HOST = "https://api.twitter.com"
USER_FIELDS = "created_at,public_metrics,username,verified"
TWEET_FIELDS = "attachments,author_id,created_at,entities,lang,note_tweet,public_metrics,referenced_tweets"


class Includes(BaseModel):
    """What the posts of a page refer to; billed like posts."""

    users: list[dict[str, Any]] = []
    media: list[dict[str, Any]] = []


class Meta(BaseModel):
    """Where the next page is."""

    next_token: str | None = Field(default=None, max_length=1000)


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
                tweet = x_api.read_x_tweet(row)
            except BadRow as error:
                bad_rows[str(error)] += 1
            else:
                profile = x_api.read_x_profile(row, partial(count_unknown, bad_rows), read_at)
                yield replace(tweet, counts_observed_at=read_at, profile=profile)

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
            except (BadRow, AttributeError) as error:
                raise SourceAway(f"X's counts cannot be read ({error}); they are asked for again") from error


class XApi:
    """Call the API. Raises UsageError for what a person must change, SourceAway after the last attempt."""

    def __init__(self, url: str, bearer_token: str, usernames: bool, sleep: Sleep = time.sleep) -> None:
        self._client = tweepy.Client(bearer_token, return_type=requests.Response)
        self._client.session = BoundedSession(_At(url.rstrip("/")))
        self._expansions = ["attachments.media_keys", *(["author_id"] if usernames else [])]
        self._sleep = sleep
        self._open_at = 0.0

    def search(self, query: str, since: datetime, until: datetime, size: int, next_token: str | None) -> Page:
        """Search the newest `size` (10 to 100) posts of [since, until), or those after `next_token`."""
        page = self._call(
            lambda: self._client.search_recent_tweets(
                query,
                start_time=since,
                end_time=until,
                max_results=size,
                next_token=next_token,
                expansions=self._expansions,
                tweet_fields=TWEET_FIELDS,
                user_fields=USER_FIELDS,
                media_fields=["type"],
            )
        )
        return _check_size(page, size)

    def read_counts(self, ids: Sequence[str]) -> Page:
        """Read the counts of up to 100 posts."""
        page = self._call(lambda: self._client.get_tweets(list(ids), tweet_fields=["public_metrics"]))
        return _check_size(page, len(ids))

    def _call(self, call: Callable[[], requests.Response]) -> Page:
        return call_with_retries("X", lambda: self._try_call(call), self._sleep)

    def _try_call(self, call: Callable[[], requests.Response]) -> Page:
        if (closed_s := self._open_at - time.time()) > 0:
            self._open_at = 0.0
            raise TryAgain("rate limit used up", closed_s)
        try:
            answer = call()
            self._record_rate_limit(answer)
            return Page.model_validate_json(answer.content)
        except tweepy.TooManyRequests as error:
            raise TryAgain("429, rate limit", _compute_wait_s(error.reset_time)) from error
        except (tweepy.TwitterServerError, requests.RequestException) as error:
            raise TryAgain(summarise_error(error)) from error
        except (
            ValueError,
            RecursionError,
        ) as error:  # no JSON, of another shape, or a limit that is no number
            raise TryAgain("an answer that is no JSON of X API v2") from error
        except (tweepy.Unauthorized, tweepy.Forbidden) as error:
            raise UsageError(
                f"X refuses ({summarise_error(error)}): check VIRAL_X_BEARER_TOKEN and the app's access"
            ) from error
        except tweepy.HTTPException as error:
            raise UsageError(f"X does not accept the request ({_describe_error(error)})") from error

    def _record_rate_limit(self, answer: requests.Response) -> None:
        """Record when the rate limit opens again, so that the next request waits instead of being refused."""
        if answer.headers.get("x-rate-limit-remaining") == "0":
            self._open_at = float(answer.headers.get("x-rate-limit-reset", 0))


class _At(BoundedAdapter):
    """Send to another host than the one tweepy knows."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = url

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:  # type: ignore[override]
        request.url = (request.url or "").replace(TWEEPY_HOST, self._url, 1)
        return super().send(request, **options)


def _check_size(page: Page, size: int) -> Page:
    """Return the page. Raises SourceAway for one of more posts than asked for: what they cost was not set aside."""
    if len(page.data) > size:
        raise SourceAway(f"X sent {len(page.data):,} posts where {size} were asked for; it is asked again")
    return page


def _compute_wait_s(reset_time: int | None) -> float | None:
    return None if reset_time is None else max(0.0, reset_time - time.time())


def _describe_error(error: tweepy.HTTPException) -> str:
    """Describe it in X's own words: with the status alone nobody finds the wrong operator in a query."""
    return " ".join([summarise_error(error), *map(str, error.api_messages)])[:300]
