"""Describe an author's public counts as a source told them, and refuse those that cannot be true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from typing import Self

# X began in 2006; nobody's account is older, on whatever site.
FIRST_ACCOUNT = datetime(2006, 3, 21, tzinfo=UTC)
# Nobody has more followers than there are people.
MOST = 10_000_000_000


# Not frozen, as RawTweet is not: each tweet brings one.
@dataclass(slots=True, unsafe_hash=True)
class AuthorProfile:
    """Hold what an author's page showed when it was read; None where a source does not say. No name, no description."""

    followers: int | None = None
    following: int | None = None
    posts: int | None = None
    favourites: int | None = None
    """Posts of others that the author liked."""
    listed: int | None = None
    """Lists that the author was put on."""
    verified: bool | None = None
    created_at: datetime | None = None
    """When the account was made."""
    read_at: datetime | None = None
    """None: together with the tweet's own counts, and nobody knows when that was."""

    @classmethod
    def from_values(
        cls,
        *,
        read_at: datetime | None,
        refuse: Callable[[str], None],
        created_at: datetime | None = None,
        verified: object = None,
        **counts: object,
    ) -> Self | None:
        """Take what may be true; call `refuse` with the reason for each other value. None if nothing is known."""
        taken = {name: _check_count(name, value, refuse) for name, value in counts.items()}
        if verified is not None and not isinstance(verified, bool):
            refuse("author's verified is no yes or no")
            verified = None
        if created_at is not None and not FIRST_ACCOUNT <= created_at <= (read_at or datetime.now(UTC)):
            refuse("author's account of an impossible age")
            created_at = None
        profile = cls(**taken, verified=verified, created_at=created_at, read_at=read_at)
        return profile if profile.count_parts() else None

    def count_parts(self) -> int:
        """Count the parts that are known, 0 to 7."""
        return sum(getattr(self, name) is not None for name in PARTS)


PARTS = tuple(one.name for one in fields(AuthorProfile) if one.name != "read_at")


def _check_count(name: str, value: object, refuse: Callable[[str], None]) -> int | None:
    if value is None:
        return None
    if type(value) is int and 0 <= value <= MOST:
        return value
    refuse(f"author's {name} negative, absurd or no whole number")
    return None
