"""Test that no server can fill the memory, hold a call for ever, or have credentials sent elsewhere."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import requests
from viral_common.database.engine import Sessions
from viral_common.errors import UsageError
from viral_scraper.sources.base import Source
from viral_scraper.sources.bluesky.events import EventSorter
from viral_scraper.sources.bluesky.source import BlueskySource
from viral_scraper.sources.limits import BoundedAdapter, BoundedSession, ReplyRefused
from viral_scraper.sources.mastodon import MastodonSource
from viral_scraper.sources.retries import SourceAway
from viral_scraper.sources.twint import TwintSource

from tests import jetstream_server
from tests.eventually import eventually
from tests.integration.scraper.sources.bluesky_network import make_post_event
from tests.integration.scraper.sources.expected_posts import MIN_AGE, make_posts
from tests.integration.scraper.sources.harnesses import QUICK, find_day, make_x_source
from tests.integration.scraper.sources.hostile_server import BLOCK, send_much, send_slowly, serve_bytes
from tests.integration.scraper.sources.http_server import Answer, Request, serve
from tests.integration.scraper.sources.mastodon_server import FakeMastodon
from tests.integration.scraper.sources.twint_server import FakeTwitter
from tests.integration.scraper.sources.x_server import FakeX
from tests.jetstream_server import Jetstream

POSTS = make_posts(60)
DAY = find_day(POSTS)
TAKEN = 32 * BLOCK  # what the buffers of both ends hold besides what is read
ATTEMPTS = 6

MakeSource = Callable[[str], Source]


@pytest.fixture(params=["mastodon", "x"])
def make_source(request: pytest.FixtureRequest) -> MakeSource:
    """Both sources that ask through `requests`."""
    if request.param == "mastodon":
        return lambda url: MastodonSource(url, "secret-token", "#tea", MIN_AGE, lambda _: None)
    db: Sessions = request.getfixturevalue("db")
    return lambda url: make_x_source(db, url, [], "100")


@pytest.mark.parametrize(
    ("reply", "says"),
    [
        (send_much(400 * BLOCK), "a reply longer than 8 MiB"),
        (
            send_much(BLOCK, gzip.compress(b" " * (100 * BLOCK)), b"Content-Encoding: gzip\r\n"),
            "a reply longer than 8 MiB",
        ),
        (send_much(3 * BLOCK, b"[{},{}]," * (BLOCK // 8)), "a reply of more than 60,000 values"),
    ],
    ids=["long", "packed", "of many values"],
)
def test_a_reply_beyond_the_limits_is_given_up_in_one_line(
    make_source: MakeSource, reply: Any, says: str
) -> None:
    with serve_bytes(reply) as served, pytest.raises(SourceAway, match=says) as caught:
        list(make_source(served.url).search(*DAY))

    assert "\n" not in str(caught.value)
    assert served.sent <= ATTEMPTS * TAKEN


def test_a_redirect_to_another_host_is_not_followed(make_source: MakeSource) -> None:
    with serve(lambda _: Answer(200, [])) as other:
        elsewhere = Answer(302, "", {"Location": f"{other.url}/api"})
        with (
            serve(lambda _: elsewhere) as served,
            pytest.raises(SourceAway, match="redirects to another host"),
        ):
            list(make_source(served.url).search(*DAY))

    assert other.requests == []


def test_a_redirect_on_the_same_host_is_followed_with_the_credentials() -> None:
    def answer(request: Request) -> Answer:
        return Answer(200, "here") if request.path == "/new" else Answer(302, "", {"Location": "/new"})

    with serve(answer) as served:
        got = BoundedSession().get(f"{served.url}/old", headers={"Authorization": "Bearer secret"})

    assert got.text == "here"
    assert [request.headers["Authorization"] for request in served.requests] == ["Bearer secret"] * 2


def test_redirects_without_an_end_are_not_followed_for_ever() -> None:
    again = Answer(302, "", {"Location": "/again"})
    with serve(lambda _: again) as served, pytest.raises(requests.TooManyRedirects):
        BoundedSession().get(served.url)

    assert len(served.requests) == 4


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfff",
    ],
    ids=["head", "body", "body without a length", "chunk's length"],
)
def test_a_reply_that_trickles_is_ended(head: bytes) -> None:
    started = time.monotonic()
    with (
        serve_bytes(send_slowly(head)) as served,
        pytest.raises(ReplyRefused, match="no whole reply within 1 s"),
    ):
        BoundedSession(BoundedAdapter(reply_s=1)).get(served.url)

    assert time.monotonic() - started < 10


def test_ids_that_do_not_fall_end_mastodons_pages() -> None:
    page = FakeMastodon(POSTS).statuses[:5]
    with serve(lambda _: Answer(200, page)) as served:
        source = MastodonSource(served.url, "", "", MIN_AGE, lambda _: None)
        tweets = list(source.search(*DAY))

    assert len({tweet.external_id for tweet in tweets}) == 5
    assert source.bad_rows == {"intervals cut short: the ids of Mastodon's pages do not fall": 1}
    assert len(served.requests) <= 5


def test_ids_that_fall_for_ever_end_after_so_many_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viral_scraper.sources.mastodon.MOST_PAGES", 20)
    status = {**FakeMastodon(POSTS).statuses[0], "created_at": "2001-01-01T00:00:00.000Z"}

    def answer(request: Request) -> Answer:
        return Answer(200, [{**status, "id": str(int(request.get("max_id") or 1) - 1)}])

    with serve(answer) as served:
        source = MastodonSource(served.url, "", "", MIN_AGE, lambda _: None)
        assert list(source.search(*DAY)) == []

    assert source.bad_rows == {"intervals cut short: more than 20 pages": 1}


@pytest.mark.parametrize(
    "changes",
    [
        {"content": "<p>" + "a" * 300_000},
        {"content": "a" * 30_000},
        {"favourites_count": 2**70},
        {"favourites_count": -1},
        {"account": {"id": "7", "acct": "a" * 30_000}},
    ],
    ids=["HTML", "text", "absurd likes", "negative likes", "name"],
)
def test_a_status_beyond_the_limits_is_left_out_alone(changes: dict[str, Any]) -> None:
    network = FakeMastodon(POSTS)
    network.statuses[3] |= changes
    with serve(network.answer) as served:
        source = MastodonSource(served.url, "", "", MIN_AGE, lambda _: None)
        tweets = list(source.search(*DAY))

    assert (len(tweets), sum(source.bad_rows.values())) == (len(POSTS) - 1, 1)


@pytest.mark.parametrize("body", [{"a": 1}, [{"id": "no number"}], [[]], [None]])
def test_a_page_of_another_shape_is_one_line(body: Any) -> None:
    with serve(lambda _: Answer(200, body)) as served, pytest.raises(SourceAway):
        list(MastodonSource(served.url, "", "", MIN_AGE, lambda _: None).search(*DAY))


def test_a_token_that_comes_again_ends_xs_pages(db: Sessions) -> None:
    with serve(lambda _: Answer(200, {"data": [], "meta": {"next_token": "again"}})) as served:
        source = make_x_source(db, served.url, [], "100")
        assert list(source.search(*DAY)) == []

    assert source.bad_rows == {"intervals cut short: X's pages do not come to an end": 1}
    assert len(served.requests) == 2


@pytest.mark.parametrize(("reset", "waits"), [("99999999999", 3600), ("soon", 0)])
def test_a_rate_limit_is_not_waited_for_longer_than_an_hour(db: Sessions, reset: str, waits: int) -> None:
    slept: list[float] = []
    limits = {"x-rate-limit-remaining": "0", "x-rate-limit-reset": reset}
    with serve(FakeX(POSTS).answer) as served:
        served.faults.append(Answer(429, {"title": "Too Many Requests"}, limits))
        assert list(make_x_source(db, served.url, slept, "100").search(*DAY, 5))

    assert waits <= slept[0] <= waits + 2


def test_more_posts_than_were_paid_for_are_not_taken(db: Sessions) -> None:
    posts = FakeX(POSTS).posts
    says = "X sent 60 posts where 10 were asked for"
    with serve(lambda _: Answer(200, {"data": posts})) as served, pytest.raises(SourceAway, match=says):
        list(make_x_source(db, served.url, [], "100").search(*DAY, 5))


def test_twint_gives_up_a_reply_that_is_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve_bytes(send_much(400 * BLOCK)) as served:
        monkeypatch.setattr("twint.url.base", f"{served.url}/i")
        with pytest.raises(UsageError, match="a reply longer than 2 MiB"):
            list(TwintSource("tea", MIN_AGE, lambda _: None).search(*DAY))

    assert served.sent <= 3 * TAKEN


def test_twint_follows_no_redirect(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(lambda _: Answer(200, {})) as other:
        elsewhere = Answer(302, "", {"Location": other.url})
        with serve(lambda _: elsewhere) as served:
            monkeypatch.setattr("twint.url.base", f"{served.url}/i")
            with pytest.raises(UsageError):
                list(TwintSource("tea", MIN_AGE, lambda _: None).search(*DAY))

    assert other.requests == []


def test_a_position_that_comes_again_ends_twints_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    network = FakeTwitter(POSTS)

    def answer(request: Request) -> Answer:
        page = network.answer(request)
        return Answer(200, {**page.body, "min_position": "0"})

    with serve(answer) as served:
        monkeypatch.setattr("twint.url.base", f"{served.url}/i")
        assert list(TwintSource("tea", MIN_AGE, lambda _: None).search(*DAY))

    assert len(served.requests) == 2


def test_an_event_that_is_too_large_breaks_jetstreams_connection(db: Sessions) -> None:
    post, huge = (make_post_event(one) for one in POSTS[:2])
    huge["commit"]["record"]["text"] = "a" * (2 * BLOCK)
    stopping = threading.Event()
    with jetstream_server.serving(Jetstream([post, huge])) as jetstream:
        source = BlueskySource(db, jetstream.url, 1.0, MIN_AGE, pace=QUICK)
        thread = threading.Thread(target=source.listen, args=(stopping,), daemon=True)
        thread.start()
        eventually(lambda: any("message too big" in line for line in source.list_problems()))
        stopping.set()
        thread.join(10)

    assert not thread.is_alive()


def test_a_text_that_is_too_long_is_not_kept_from_jetstream() -> None:
    event = make_post_event(POSTS[0], text="a" * 30_000, facets=[])
    bad: Counter[str] = Counter()
    sorter = EventSorter(1.0, MIN_AGE, bad)

    sorter.take(json.dumps(event).encode())

    assert sorter.take_all().posts == []
    assert bad == {"events of another shape (BadRow)": 1}
