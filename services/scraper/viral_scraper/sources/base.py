"""What a source of tweets must do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple, Protocol

from viral_common.tweets import RawTweet


class Window(NamedTuple):
    """Consecutive whole UTC days, half-open: what one batch is collected from."""

    since: datetime
    until: datetime


class Source(Protocol):
    """One origin of tweets; a tweet's identity is (name, external_id)."""

    @property
    def name(self) -> str:
        """Stored with every tweet and batch, so that their origin shows everywhere."""

    @property
    def query(self) -> str:
        """What is searched for; batches of one (name, query) follow each other in time."""

    @property
    def bad_rows(self) -> Mapping[str, int]:
        """What was delivered so far but could not be read, by reason."""

    def search(
        self, query: str, since: datetime, until: datetime, limit: int | None = None, /
    ) -> Iterator[RawTweet]:
        """Tweets posted in [since, until) in (posted_at, external_id) order; again the same on every call."""

    def next_window(self, after: datetime | None, size: int, /) -> Window | None:
        """The next days, from `after` on, that hold `size` tweets worth keeping; None if there are none (yet).

        The last window takes what remains. Raises UsageError if the source cannot deliver anything at all.
        """
