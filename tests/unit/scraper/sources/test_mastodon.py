"""Test that a status becomes a tweet."""

from __future__ import annotations

from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from mastodon.return_types import Account
from viral_common.tweets.profile import AuthorProfile
from viral_scraper.sources.mastodon import parse_tweet, strip_html

NOW = datetime.now(UTC)


def make_status(language: str | None = "en", **account: Any) -> SimpleNamespace:
    return SimpleNamespace(
        id="1",
        created_at=NOW,
        account=Account(id="7", acct="someone", **account),  # type: ignore[no-untyped-call]
        content="<p>Hello</p>",
        language=language,
        favourites_count=1,
        reblogs_count=0,
        replies_count=0,
        media_attachments=[],
        in_reply_to_id=None,
        reblog=None,
    )


@pytest.mark.parametrize(("given", "language"), [("en-\ud800", "en-"), ("en-\x00", "en-"), (None, "")])
def test_a_language_is_text_that_every_database_takes(given: str | None, language: str) -> None:
    assert parse_tweet(make_status(given), NOW, print).language == language


def test_an_account_s_counts_are_its_author_s_profile() -> None:
    made_at = datetime(2020, 5, 1, tzinfo=UTC)
    status = make_status(
        followers_count=8, following_count=9, statuses_count=10, created_at=made_at, note="Tea"
    )

    tweet = parse_tweet(status, NOW, print)

    assert tweet.profile == AuthorProfile(
        followers=8, following=9, posts=10, created_at=made_at, read_at=tweet.counts_observed_at
    )


def test_counts_that_a_server_hides_or_breaks_are_unknown_and_the_post_stays() -> None:
    refused: list[str] = []

    hidden = parse_tweet(make_status(), NOW, refused.append)
    broken = parse_tweet(make_status(followers_count=-1, statuses_count=10), NOW, refused.append)

    assert hidden.profile is None
    assert broken.profile == AuthorProfile(posts=10, read_at=NOW)
    assert refused == ["author's followers negative, absurd or no whole number"]


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
