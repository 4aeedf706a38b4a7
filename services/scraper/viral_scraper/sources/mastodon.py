"""Collect from Mastodon: one server's own public posts, or those under a hashtag, through Mastodon.py."""

from __future__ import annotations

import html
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Self, TypeVar

import mastodon
from pydantic import Field, SecretStr
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError, summarise_error
from viral_common.settings import load_settings
from viral_common.tweets.text import clean
from viral_common.tweets.tweet import Engagement, RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings, SourceSettings
from viral_scraper.sources.base import Window, find_mature_day, take_in_order
from viral_scraper.sources.retries import Sleep, TryAgain, call_with_retries

T = TypeVar("T")

_BREAK = re.compile(r"<br\b[^>]*>")
# An attribute in quotes may hold a `>`.
_TAG = re.compile(r"""<(?:[^"'<>]|"[^"]*"|'[^']*')*+>""")

PAGE = 40
IDS_AT_ONCE = 20


class MastodonSettings(SourceSettings, env_prefix="VIRAL_MASTODON_"):
    """The source `mastodon`."""

    url: str = Field(
        default="", description="The server whose posts to collect; mastodon.social does not permit it"
    )
    access_token: SecretStr = Field(
        default=SecretStr(""), description="For servers that show their timeline to their users only"
    )


class MastodonSource:
    """Collect the newest day whose likes had VIRAL_MIN_AGE to come. A server knows all likes of its own posts only."""

    name = "mastodon"

    def __init__(
        self, url: str, access_token: str, query: str, min_age: timedelta, sleep: Sleep = time.sleep
    ) -> None:
        self.query = query
        self.bad_rows: Counter[str] = Counter()
        self._min_age = min_age
        self._sleep = sleep
        self._api = mastodon.Mastodon(
            api_base_url=url,
            access_token=access_token or None,
            ratelimit_method="throw",
            request_timeout=30,
            user_agent="viral-tweets",
        )

    @classmethod
    def from_settings(
        cls, settings: ScraperSettings, _report: ReportProgress, _sessions: Sessions, /
    ) -> Self:
        own = load_settings(MastodonSettings)
        if not own.url:
            raise UsageError("VIRAL_MASTODON_URL is empty; name a server whose rules permit collecting")
        return cls(own.url, own.access_token.get_secret_value(), settings.query.strip(), settings.min_age)

    def search(self, since: datetime, until: datetime, limit: int | None = None, /) -> Iterator[RawTweet]:
        """Search a hashtag, or all public posts without one. The newest come first: of more than `limit` those."""
        found = (tweet for status in self._read_statuses(since, until) if (tweet := self._parse(status)))
        yield from take_in_order(found, since, until, limit)

    def find_next_window(self, after: datetime | None, _size: int, /) -> Window | None:
        return find_mature_day(after, self._min_age)

    def refresh(self, ids: Sequence[str], /) -> Iterator[Engagement]:
        for start in range(0, len(ids), IDS_AT_ONCE):
            asked = list(ids[start : start + IDS_AT_ONCE])
            statuses = self._call(lambda asked=asked: self._api.statuses(asked))  # type: ignore[misc]
            read_at = datetime.now(UTC)
            for status in statuses:
                yield Engagement(
                    str(status.id),
                    status.favourites_count,
                    status.reblogs_count,
                    status.replies_count,
                    read_at,
                )

    def _read_statuses(self, since: datetime, until: datetime) -> Iterator[Any]:
        before = _compute_first_id(until)
        while page := self._read_page(before):
            yield from page
            before = min(int(status.id) for status in page)
            if before < _compute_first_id(since):
                return

    def _read_page(self, before: int) -> list[Any]:
        tag = self.query.removeprefix("#")
        if not tag:
            return self._call(lambda: list(self._api.timeline_public(max_id=before, limit=PAGE, local=True)))
        return self._call(
            lambda: list(self._api.timeline_hashtag(tag, max_id=before, limit=PAGE, local=True))
        )

    def _call(self, call: Callable[[], T]) -> T:
        return call_with_retries("Mastodon", lambda: self._try_call(call), self._sleep)

    def _try_call(self, call: Callable[[], T]) -> T:
        try:
            return call()
        except mastodon.MastodonRatelimitError as error:
            reset = self._api.ratelimit_reset
            raise TryAgain("429, rate limit", max(0.0, reset - time.time()) if reset else None) from error
        except (mastodon.MastodonNetworkError, mastodon.MastodonServerError) as error:
            raise TryAgain(summarise_error(error)) from error
        except mastodon.MastodonUnauthorizedError as error:
            raise UsageError(
                "this Mastodon server asks for an account: set VIRAL_MASTODON_ACCESS_TOKEN, or VIRAL_MASTODON_URL "
                "to another"
            ) from error
        except mastodon.MastodonError as error:
            # Its arguments are a sentence, the status and its name; without those it quotes what it could not read.
            if len(error.args) < 3:
                raise TryAgain("an answer that cannot be read") from None
            status = f"{error.args[1]} {error.args[2]}"
            raise UsageError(f"Mastodon does not accept the request ({status}): check VIRAL_QUERY") from error

    def _parse(self, status: Any) -> RawTweet | None:
        try:
            return parse_tweet(status, datetime.now(UTC))
        except (AttributeError, TypeError, ValueError) as error:
            self.bad_rows[f"posts of another shape ({type(error).__name__})"] += 1
            return None


def parse_tweet(status: Any, read_at: datetime) -> RawTweet:
    """Parse a status; its favourites are the likes, its boosts the retweets."""
    shown = [media.type for media in status.media_attachments]
    return RawTweet(
        external_id=str(status.id),
        posted_at=status.created_at.astimezone(UTC),
        author_id=str(status.account.id),
        username=clean(status.account.acct),
        text=clean(strip_html(status.content)),
        language=clean(status.language or ""),
        like_count=status.favourites_count,
        retweet_count=status.reblogs_count,
        reply_count=status.replies_count,
        photos_count=shown.count("image"),
        has_video="video" in shown or "gifv" in shown,
        is_quote=bool(getattr(status, "quote", None)),
        is_reply=status.in_reply_to_id is not None,
        is_retweet=status.reblog is not None,
        counts_observed_at=read_at,
    )


def strip_html(content: str) -> str:
    """Strip a status of its HTML, as it was typed: links whole, paragraphs and breaks as lines."""
    lines = _BREAK.sub("\n", content).replace("</p>", "\n\n")
    return html.unescape(_TAG.sub("", lines)).strip()


def _compute_first_id(at: datetime) -> int:
    """Compute the smallest id of that moment: ids are milliseconds << 16."""
    return int(at.timestamp() * 1000) << 16
