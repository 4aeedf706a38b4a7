"""Test how X's rate limits, refusals and prices are dealt with."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal

import pytest
from structlog.testing import capture_logs
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError
from viral_common.settings import CommonSettings
from viral_scraper.progress import log_progress
from viral_scraper.settings import ScraperSettings
from viral_scraper.sources.base import Window, build_source
from viral_scraper.sources.retries import SourceAway
from viral_scraper.stores.spending import SpendingStore

from tests.integration.scraper.sources.expected_posts import make_posts
from tests.integration.scraper.sources.harnesses import find_day, make_x_source
from tests.integration.scraper.sources.http_server import Answer, HttpServer, serve
from tests.integration.scraper.sources.x_server import FakeX

POSTS = make_posts(250)
DAY: Window = find_day(POSTS)
A_POST = Decimal("0.015")  # with its author; every other one has a photo besides


@pytest.fixture
def x() -> Iterator[HttpServer]:
    with serve(FakeX(POSTS).answer) as served:
        yield served


def test_pages_follow_each_other_and_each_is_asked_for_once(db: Sessions, x: HttpServer) -> None:
    tweets = list(make_x_source(db, x.url, [], "100").search(*DAY))

    assert len(tweets) == len(POSTS)
    assert [request.get("next_token") for request in x.requests] == ["", "100", "200"]
    assert {request.get("query") for request in x.requests} == {"(tea) lang:en -is:retweet -is:reply"}
    assert "public_metrics" in x.requests[0].get("tweet.fields")
    assert {tweet.profile and tweet.profile.followers for tweet in tweets} == set(range(1000, 1007))


def test_a_rate_limit_is_waited_for_as_long_as_x_says(db: Sessions, x: HttpServer) -> None:
    slept: list[float] = []
    limits = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(time.time()) + 600)}
    x.faults.append(Answer(429, {"title": "Too Many Requests"}, limits))

    assert list(make_x_source(db, x.url, slept, "100").search(*DAY, 5))

    assert [598 <= wait <= 602 for wait in slept] == [True]


def test_with_no_request_left_the_next_one_waits_without_being_refused(db: Sessions, x: HttpServer) -> None:
    slept: list[float] = []
    limits = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": str(int(time.time()) + 60)}
    page = FakeX(POSTS).answer
    source = make_x_source(db, x.url, slept, "100")
    list(source.search(*DAY, 5))
    x.faults.append(Answer(200, page(x.requests[0]).body, limits))

    list(source.search(*DAY))

    assert [58 <= wait <= 62 for wait in slept] == [True]


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (Answer(401, {"detail": "Unauthorized"}), "check VIRAL_X_BEARER_TOKEN"),
        (Answer(403, {"detail": "not enrolled"}), "the app's access"),
        (Answer(400, {"errors": [{"message": "no such operator: is:tweet"}]}), "no such operator: is:tweet"),
        (Answer(402, {"title": "CreditsDepleted", "detail": "no credits left"}), "no credits left"),
    ],
)
def test_a_refusal_says_what_to_do_and_is_not_repeated(
    db: Sessions, x: HttpServer, answer: Answer, says: str
) -> None:
    slept: list[float] = []
    x.faults.append(answer)

    with pytest.raises(UsageError, match=says) as caught:
        list(make_x_source(db, x.url, slept, "100").search(*DAY))

    assert "secret-token" not in str(caught.value)
    assert slept == []
    assert SpendingStore(db, "x").read_spent() == 0


def test_x_away_costs_nothing(db: Sessions, x: HttpServer) -> None:
    x.faults += [Answer(503, "")] * 6

    with pytest.raises(SourceAway, match="X does not deliver"):
        list(make_x_source(db, x.url, [], "100").search(*DAY))

    assert SpendingStore(db, "x").read_spent() == 0


def test_what_answers_hold_is_counted_as_spent(db: Sessions, x: HttpServer) -> None:
    list(make_x_source(db, x.url, [], "100").search(*DAY))

    authors = 7 * 3  # on each of three pages
    expected = 250 * Decimal("0.005") + authors * Decimal("0.010") + 125 * Decimal("0.005")
    assert SpendingStore(db, "x").read_spent() == expected


def test_the_cap_is_never_exceeded_and_holds_across_restarts(db: Sessions, x: HttpServer) -> None:
    first = make_x_source(db, x.url, [], "2")
    tweets = list(first.search(*DAY))
    spent = SpendingStore(db, "x").read_spent()

    second = make_x_source(db, x.url, [], "2")

    assert 0 < len(tweets) < len(POSTS)
    assert Decimal("1.5") < spent <= 2
    assert first.bad_rows == {"intervals cut short by VIRAL_X_SPENDING_CAP_USD": 1}
    assert list(second.search(*DAY)) == []
    with pytest.raises(UsageError, match="left of VIRAL_X_SPENDING_CAP_USD=2 this month"):
        second.find_next_window(None, 100)
    assert SpendingStore(db, "x").read_spent() == spent


def test_a_process_that_dies_has_spent_what_it_set_aside(db: Sessions) -> None:
    spending = SpendingStore(db, "x")

    assert spending.set_aside(Decimal("1.5"), cap_usd=Decimal(2))
    assert not spending.set_aside(Decimal("0.6"), cap_usd=Decimal(2))

    assert spending.read_spent() == Decimal("1.5")


def test_what_a_batch_may_cost_is_logged_before_it_begins(db: Sessions, x: HttpServer) -> None:
    with capture_logs() as logs:
        make_x_source(db, x.url, [], "1000").find_next_window(None, 50_000)

    logged = [(line["event"], line["usd"], line["left_this_month_usd"]) for line in logs]
    assert logged == [("what this batch may cost", "750.00", "1000.00")]
    assert x.requests == []


def test_an_interval_out_of_reach_is_passed_over_and_counted(db: Sessions, x: HttpServer) -> None:
    source = make_x_source(db, x.url, [], "100")
    long_ago = DAY.since - timedelta(days=8)

    assert list(source.search(long_ago, long_ago + timedelta(hours=1))) == []

    assert source.bad_rows == {"intervals older than the seven days that X's recent search reaches": 1}
    assert x.requests == []


def test_reading_again_without_money_takes_no_tweet_for_gone(db: Sessions, x: HttpServer) -> None:
    with pytest.raises(UsageError, match="SPENDING_CAP"):
        list(make_x_source(db, x.url, [], "0.001").refresh(["1", "2"]))


def test_a_broken_post_is_left_out_alone_and_counted_without_its_words(db: Sessions) -> None:
    network = FakeX(POSTS[:20])
    network.posts[3]["public_metrics"]["like_count"] = -1
    network.posts[5]["text"] = None
    with serve(network.answer) as served:
        source = make_x_source(db, served.url, [], "100")
        tweets = list(source.search(*DAY))

    assert len(tweets) == 18
    assert dict(source.bad_rows) == {
        "like_count negative or absurd": 1,
        "no text": 1,
    }


def test_counts_that_cannot_be_read_do_not_pass_for_a_deleted_post(db: Sessions) -> None:
    network = FakeX(POSTS[:2])
    network.posts[0]["public_metrics"] = {}
    with serve(network.answer) as served, pytest.raises(SourceAway, match="no like_count"):
        list(make_x_source(db, served.url, [], "100").refresh([post["id"] for post in network.posts]))


@pytest.mark.parametrize(
    ("environment", "says"),
    [
        ({}, "VIRAL_X_BEARER_TOKEN is empty"),
        ({"VIRAL_X_BEARER_TOKEN": "t"}, "VIRAL_X_SPENDING_CAP_USD is 0"),
        ({"VIRAL_X_SPENDING_CAP_USD": "lots"}, "^VIRAL_X_SPENDING_CAP_USD: Input should be a valid decimal"),
    ],
)
def test_a_setting_that_is_missing_or_wrong_is_named(
    settings: CommonSettings, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], says: str
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    scraper = ScraperSettings.model_validate({**settings.model_dump(), "source": "x", "query": "tea"})

    with pytest.raises(UsageError, match=says):
        build_source(scraper, log_progress(), lambda: None)  # type: ignore[arg-type]
