"""What a stream of posts says, between hearing and storing it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from viral_common.tweets import RawTweet

Kind = Literal["like", "repost", "reply"]


class HeardEngagement(NamedTuple):
    """One like, repost or reply."""

    event_key: int
    post_key: int
    kind: Kind
    at_us: int


@dataclass
class Heard:
    """What a stream said since it was last stored."""

    cursor_us: int = 0
    count: int = 0
    """Events, of whatever use."""
    posts: list[RawTweet] = field(default_factory=list)
    left_out: list[RawTweet] = field(default_factory=list)
    """Posts that the filters will leave out: kept so that they are counted, but not their likes."""
    engagements: list[HeardEngagement] = field(default_factory=list)
    withdrawn: list[int] = field(default_factory=list)
    """Keys of deleted likes, reposts and replies; most were never stored."""
    deleted_posts: list[str] = field(default_factory=list)
    deleted_authors: list[str] = field(default_factory=list)


def stream_key(source: str, record: str) -> int:
    """A signed 64-bit hash of a record's identity."""
    digest = hashlib.blake2b(f"{source} {record}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def moment(microseconds: int) -> datetime:
    """Microseconds since 1970 as a time."""
    return datetime.fromtimestamp(microseconds / 1e6, UTC)
