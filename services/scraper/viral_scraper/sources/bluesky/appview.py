"""Read Bluesky authors' public counts from an AppView; one that fails leaves them unknown and ends nothing.

The call: https://docs.bsky.app/docs/api/app-bsky-actor-get-profiles
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import msgspec
import requests
import structlog
from viral_common.archive.bad_rows import count_unknown
from viral_common.archive.fields import read_profile
from viral_common.errors import summarise_error
from viral_common.tweets.filters import find_reason_against
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import RawTweet

from viral_scraper.sources.limits import BoundedSession
from viral_scraper.sources.retries import Sleep, SourceAway, TryAgain, call_with_retries

log = structlog.get_logger()

AT_ONCE = 25  # the most authors that the call takes
REMEMBERED = timedelta(days=1)
MOST_REMEMBERED = 100_000
# The public AppView promises no figure; Bluesky's other servers allow 3,000 requests in five minutes, and this is half.
EVERY_S = 0.2
ATTEMPTS = 3
PAUSE_S = 300.0  # after so many failures
UNKNOWN = "authors whose public counts the AppView did not tell"
PROFILE = ("followersCount", "followsCount", "postsCount", None, None, "createdAt")


class _Answer(msgspec.Struct):
    profiles: list[dict[str, Any]]


class AppView:
    """Look authors up, each once a day."""

    def __init__(self, url: str, bad: Counter[str], sleep: Sleep = time.sleep) -> None:
        self._url = f"{url.rstrip('/')}/xrpc/app.bsky.actor.getProfiles"
        self._bad = bad
        self._sleep = sleep
        self._session = BoundedSession()
        self._read: dict[str, tuple[datetime, AuthorProfile | None]] = {}
        self._open_at = 0.0

    def fill_profiles(self, posts: Sequence[RawTweet]) -> None:
        """Fill in the authors' profiles of those posts that the filters let pass."""
        kept = [post for post in posts if find_reason_against(post) is None]
        now = datetime.now(UTC)
        if len(self._read) > MOST_REMEMBERED:
            self._read.clear()
        never = (now - REMEMBERED, None)
        authors = dict.fromkeys(post.author_id for post in kept)
        unread = [did for did in authors if self._read.get(did, never)[0] <= now - REMEMBERED]
        for start in range(0, len(unread), AT_ONCE):
            self._look_up(unread[start : start + AT_ONCE])
        for post in kept:
            post.profile = self._read.get(post.author_id, never)[1]

    def _look_up(self, dids: list[str]) -> None:
        if time.monotonic() >= self._open_at:
            try:
                views = call_with_retries("the AppView", partial(self._ask, dids), self._sleep, ATTEMPTS)
                now = datetime.now(UTC)
                found = {str(view.get("did")): self._read_profile(view, now) for view in views}
                self._read |= {did: (now, found.get(did)) for did in dids}
            except SourceAway as error:
                self._open_at = time.monotonic() + PAUSE_S
                log.warning("authors stay unknown for a while", reason=str(error), pause_s=PAUSE_S)
        self._bad[UNKNOWN] += sum(self._read.get(did, (None, None))[1] is None for did in dids)

    def _ask(self, dids: list[str]) -> list[dict[str, Any]]:
        self._sleep(EVERY_S)
        try:
            answer = self._session.get(self._url, params={"actors": dids})
            if answer.status_code == requests.codes.bad_request:  # one of them is no author
                return []
            answer.raise_for_status()
            return msgspec.json.decode(answer.content, type=_Answer).profiles
        except requests.RequestException as error:
            raise TryAgain(summarise_error(error)) from error
        except (ValueError, RecursionError) as error:
            raise TryAgain("an answer of another shape") from error

    def _read_profile(self, view: Mapping[str, Any], now: datetime) -> AuthorProfile | None:
        """Read it; the answer has no word of verification about an author without one."""
        verification = view.get("verification")
        verified = isinstance(verification, Mapping) and "valid" in verification.values()
        return read_profile({**view, "verified": verified}, PROFILE, partial(count_unknown, self._bad), now)
