"""Keep what schemathesis makes up within the one rule that no schema can say: an account is older than its tweet."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import schemathesis


@schemathesis.hook
def map_body(_context: Any, body: Any) -> Any:
    """Put an account that is younger than its tweet, or older than the first one, into the year 2015."""
    if isinstance(body, dict):
        tweets = body.get("tweets")
        for post in [body, *(tweets if isinstance(tweets, list) else [])]:
            if isinstance(post, dict) and isinstance(post.get("author"), dict):
                _age(post, post["author"])
    return body


def _age(post: dict[str, Any], author: dict[str, Any]) -> None:
    made_at, posted_at = _parse(author.get("created_at")), _parse(post.get("created_at"))
    if made_at is not None:
        author["created_at"] = "2015-03-01T00:00:00Z"
        if posted_at is not None and posted_at.year <= 2015:
            post["created_at"] = "2026-11-23T18:30:00Z"


def _parse(value: object) -> datetime | None:
    """Parse it as the gateway does; None for what it refuses anyway."""
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)
