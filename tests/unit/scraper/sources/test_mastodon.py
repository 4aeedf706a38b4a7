"""Test that a status becomes a tweet."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from viral_scraper.sources.mastodon import parse_tweet, strip_html


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


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("<p>one<br>two<br />three</p><p>four</p>", "one\ntwo\nthree\n\nfour"),
        ('<p>see <a href="https://a.b/?x=1>2" title=\'">\'><span>a.b</span></a></p>', "see a.b"),
        ("<p>1 &lt; 2 &amp;amp; &#39;so&#39; &lt;br&gt;</p>", "1 < 2 &amp; 'so' <br>"),
        ("plain", "plain"),
    ],
)
def test_a_text_is_what_its_author_typed(content: str, text: str) -> None:
    assert strip_html(content) == text
