"""What is said of the account: nothing, followers only, a profile, a history."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from viral_common.tweets.features import AuthorHistory, TweetInput
from viral_common.tweets.profile import AuthorProfile
from viral_gateway.pages.result import describe_account

from tests.unit.gateway.fakes import NOON

SINCE = datetime(2015, 3, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("history", "profile", "says"),
    [
        (None, None, "Nothing is known of the account: give its followers, or its username."),
        (None, AuthorProfile(followers=1200), "Known of the account: followers 1,200."),
        (None, AuthorProfile(verified=False), "Known of the account: not verified."),
        (
            None,
            AuthorProfile(followers=0, posts=5, verified=True, created_at=SINCE, read_at=NOON),
            "Known of the account: followers 0, posts 5, verified, since 1 Mar 2015 (read on 23 Nov 2026).",
        ),
        (AuthorHistory(), None, "No earlier tweet of this author was collected."),
        (
            AuthorHistory(tweets=9, settled=8, viral=5),
            AuthorProfile(followers=7),
            "Known of the account: followers 7. 5 of 8 earlier tweets of this author got a like.",
        ),
    ],
)
def test_what_was_known_is_said(
    history: AuthorHistory | None, profile: AuthorProfile | None, says: str
) -> None:
    assert describe_account(TweetInput("hi", NOON, author=history, profile=profile), 0) == says
