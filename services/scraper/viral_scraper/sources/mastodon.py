"""Collect from Mastodon: one server's own public posts, or those under a hashtag, through Mastodon.py."""

from __future__ import annotations

import html
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, Self, TypeVar

import mastodon
from pydantic import Field, SecretStr
from viral_common.archive.bad_rows import count_unknown
from viral_common.archive.fields import LONGEST_TEXT, get_count, get_optional_text, get_text, read_profile
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError, summarise_error
from viral_common.settings import load_settings
from viral_common.tweets.tweet import Engagement, RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.settings import ScraperSettings, SourceSettings
from viral_scraper.sources.base import MOST_PAGES, Window, end_paging, find_mature_day, take_in_order
from viral_scraper.sources.limits import BoundedSession
from viral_scraper.sources.retries import Sleep, TryAgain, call_with_retries

T = TypeVar("T")

_BREAK = re.compile(r"<br\b[^>]*>")
# An attribute in quotes may hold a `>`.
_TAG = re.compile(r"""<(?:[^"'<>]|"[^"]*"|'[^']*')*+>""")

PAGE = 40
IDS_AT_ONCE = 20
LONGEST_CONTENT = 8 * LONGEST_TEXT  # with its HTML
PROFILE = ("followers_count", "following_count", "statuses_count", None, None, "created_at")


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
            user_agent="viral-tweets",
            session=BoundedSession(),
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
            yield from self._call(partial(self._read_engagements, asked))

    def _read_statuses(self, since: datetime, until: datetime) -> Iterator[Any]:
        before = _compute_first_id(until)
        for _ in range(MOST_PAGES):
            page = self._call(partial(self._read_page, before))
            yield from page.values()
            lowest = min(page, default=0)
            if lowest < _compute_first_id(since):
                return
            if lowest >= before:
                end_paging(self.name, "the ids of Mastodon's pages do not fall", self.bad_rows)
                return
            before = lowest
        end_paging(self.name, f"more than {MOST_PAGES:,} pages", self.bad_rows)

    def _read_engagements(self, ids: Sequence[str]) -> list[Engagement]:
        return [read_engagement(status) for status in self._api.statuses(ids)]

    def _read_page(self, before: int) -> dict[int, Any]:
        """Read the posts before an id, by theirs; of more than asked for the first."""
        tag = self.query.removeprefix("#")
        asked: dict[str, Any] = {"max_id": before, "limit": PAGE, "local": True}
        page = self._api.timeline_hashtag(tag, **asked) if tag else self._api.timeline_public(**asked)
        return {int(status.id): status for status in page[:PAGE]}

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
        except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
            raise TryAgain(f"an answer of another shape: {type(error).__name__}") from None

    def _parse(self, status: Any) -> RawTweet | None:
        try:
            return parse_tweet(status, datetime.now(UTC), partial(count_unknown, self.bad_rows))
        except (AttributeError, TypeError, ValueError, OverflowError) as error:
            self.bad_rows[f"posts of another shape ({type(error).__name__})"] += 1
            return None


def parse_tweet(status: Any, read_at: datetime, refuse: Callable[[str], None]) -> RawTweet:
    """Parse a status; its favourites are the likes, its boosts the retweets."""
    if len(status.content) > LONGEST_CONTENT:
        raise ValueError("content too long")
    shown = [media.type for media in status.media_attachments]
    counts = read_engagement(status)
    return RawTweet(
        external_id=counts.external_id,
        posted_at=status.created_at.astimezone(UTC),
        author_id=str(status.account.id),
        username=get_optional_text(status.account.acct, "username"),
        text=get_optional_text(strip_html(status.content), "text"),
        language=get_optional_text(status.language, "language"),
        like_count=counts.like_count,
        retweet_count=counts.retweet_count,
        reply_count=counts.reply_count,
        photos_count=shown.count("image"),
        has_video="video" in shown or "gifv" in shown,
        is_quote=bool(getattr(status, "quote", None)),
        is_reply=status.in_reply_to_id is not None,
        is_retweet=status.reblog is not None,
        counts_observed_at=read_at,
        profile=read_profile(status.account, PROFILE, refuse, read_at),
    )


def read_engagement(status: Any) -> Engagement:
    """Read a status's counts. Raises BadRow for what are none."""
    return Engagement(
        get_text(str(status.id), "id"),
        get_count(status.favourites_count, "favourites"),
        get_count(status.reblogs_count, "boosts"),
        get_count(status.replies_count, "replies"),
        datetime.now(UTC),
    )


def strip_html(content: str) -> str:
    """Strip a status of its HTML, as it was typed: links whole, paragraphs and breaks as lines."""
    lines = _BREAK.sub("\n", content).replace("</p>", "\n\n")
    return html.unescape(_TAG.sub("", lines)).strip()


def _compute_first_id(at: datetime) -> int:
    """Compute the smallest id of that moment: ids are milliseconds << 16."""
    return int(at.timestamp() * 1000) << 16
