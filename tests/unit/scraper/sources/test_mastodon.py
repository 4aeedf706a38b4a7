"""A status as a tweet."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from viral_scraper.sources.mastodon import parse_tweet


@pytest.mark.parametrize(("given", "language"), [("en-\ud800", "en-"), ("en-\x00", "en-"), (None, "")])
def test_a_language_is_text_that_every_database_takes(given: str | None, language: str) -> None:
    now = datetime.now(UTC)
    status = SimpleNamespace(
        id="1",
        created_at=now,
        account=SimpleNamespace(id="7", acct="someone"),
        content="<p>Hello</p>",
        language=given,
        favourites_count=1,
        reblogs_count=0,
        replies_count=0,
        media_attachments=[],
        in_reply_to_id=None,
        reblog=None,
    )

    assert parse_tweet(status, now).language == language
