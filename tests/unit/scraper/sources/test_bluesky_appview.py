"""Test that Bluesky authors are looked up politely, and that an AppView that fails ends nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import RawTweet
from viral_scraper.sources.bluesky import appview
from viral_scraper.sources.bluesky.appview import EVERY_S, UNKNOWN, AppView
from viral_scraper.sources.bluesky.events import parse_tweet

from tests.integration.scraper.sources.appview_server import FakeAppView, make_view
from tests.integration.scraper.sources.http_server import Answer, HttpServer, serve


@pytest.fixture
def network() -> FakeAppView:
    return FakeAppView()


@pytest.fixture
def served(network: FakeAppView) -> Iterator[HttpServer]:
    with serve(network.answer) as served:
        yield served


def make_posts(count: int, **content: object) -> list[RawTweet]:
    """Make posts, each by an author of its own."""
    written = {"text": "Tea with milk", "langs": ["en"], "createdAt": "2026-11-20T10:00:00Z", **content}
    return [parse_tweet(f"did:plc:{number:03d}", f"at://{number}", written) for number in range(count)]


def make_appview(
    served: HttpServer, bad: Counter[str] | None = None, slept: list[float] | None = None
) -> AppView:
    bad = Counter() if bad is None else bad
    return AppView(served.url, bad, (slept if slept is not None else []).append)


def test_an_author_s_counts_are_as_they_were_when_asked(served: HttpServer) -> None:
    (post,) = make_posts(1)
    before = datetime.now(UTC)

    make_appview(served).fill_profiles([post])

    assert post.profile is not None
    assert post.profile.read_at is not None
    assert before <= post.profile.read_at <= datetime.now(UTC)
    assert post.profile == AuthorProfile(
        followers=111,
        following=20,
        posts=300,
        verified=True,
        created_at=datetime(2023, 5, 1, 10, tzinfo=UTC),
        read_at=post.profile.read_at,
    )


def test_authors_are_asked_for_25_at_a_time_with_a_pause_before_each_request(
    served: HttpServer, network: FakeAppView
) -> None:
    slept: list[float] = []
    posts = make_posts(60)

    make_appview(served, slept=slept).fill_profiles([*posts, *make_posts(60)])

    assert [len(dids) for dids in network.asked] == [25, 25, 10]
    assert slept == [EVERY_S] * 3
    assert all(post.profile for post in posts)


def test_an_author_is_asked_for_once_a_day(
    served: HttpServer, network: FakeAppView, monkeypatch: pytest.MonkeyPatch
) -> None:
    network.gone = {"did:plc:001"}
    view = make_appview(served)
    for _ in range(3):
        view.fill_profiles(make_posts(2))
    assert len(network.asked) == 1

    monkeypatch.setattr(appview, "REMEMBERED", timedelta(0))
    view.fill_profiles(make_posts(2))

    assert len(network.asked) == 2


def test_of_posts_that_the_filters_leave_out_nobody_is_asked_for(
    served: HttpServer, network: FakeAppView
) -> None:
    make_appview(served).fill_profiles(make_posts(3, reply={"parent": {}}))

    assert network.asked == []


def test_who_is_gone_stays_unknown_and_is_counted(served: HttpServer, network: FakeAppView) -> None:
    network.gone, bad = {"did:plc:001"}, Counter[str]()
    posts = make_posts(3)

    make_appview(served, bad).fill_profiles(posts)

    assert [post.profile is None for post in posts] == [False, True, False]
    assert +bad == {UNKNOWN: 1}


def test_an_author_without_a_word_of_verification_is_not_verified(
    served: HttpServer, network: FakeAppView
) -> None:
    (post,) = make_posts(1)
    view = {**make_view(post.author_id), "followersCount": -1, "createdAt": "long ago"}
    del view["verification"]
    served.faults.append(Answer(200, {"profiles": [view]}))
    bad = Counter[str]()

    make_appview(served, bad).fill_profiles([post])

    assert post.profile is not None
    assert (post.profile.verified, post.profile.followers, post.profile.created_at) == (False, None, None)
    assert +bad == {
        "author's followers negative, absurd or no whole number: taken as unknown": 1,
        "author's account with impossible date: taken as unknown": 1,
    }


@pytest.mark.parametrize(
    "fault",
    [
        Answer(503, "away"),
        Answer(429, "slower"),
        Answer(404, {}),
        Answer(200, "<html>"),
        Answer(200, {"profiles": 7}),
    ],
)
def test_one_that_fails_is_left_alone_for_a_while_and_its_authors_are_unknown(
    served: HttpServer, network: FakeAppView, fault: Answer
) -> None:
    served.faults += [fault] * 3
    bad = Counter[str]()
    view = make_appview(served, bad)
    posts = make_posts(60)

    with capture_logs() as logs:
        view.fill_profiles(posts)

    assert not any(post.profile for post in posts)
    assert +bad == {UNKNOWN: 60}
    assert len(served.requests) == 3
    assert [line["event"] for line in logs if line["log_level"] == "warning"][-1] == (
        "authors stay unknown for a while"
    )

    view._open_at = 0.0
    view.fill_profiles(posts)

    assert all(post.profile for post in posts)


def test_one_author_who_is_none_costs_no_more_than_those_asked_for_together(
    served: HttpServer, network: FakeAppView
) -> None:
    served.faults.append(Answer(400, {"error": "InvalidRequest"}))
    posts = make_posts(30)

    make_appview(served).fill_profiles(posts)

    assert [post.profile is not None for post in posts] == [False] * 25 + [True] * 5


def test_what_is_remembered_is_bounded(served: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(appview, "MOST_REMEMBERED", 50)
    view = make_appview(served)

    for start in range(0, 200, 20):
        view.fill_profiles(make_posts(200)[start : start + 20])

    assert len(view._read) <= 70
