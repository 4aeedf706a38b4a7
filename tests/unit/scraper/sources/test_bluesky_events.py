"""Test that Jetstream's events are sorted."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest
from viral_scraper.sources.bluesky.events import EventSorter

from tests.integration.scraper.sources.bluesky_network import (
    MINUTE,
    make_address,
    make_deletion_event,
    make_like_event,
    make_post_event,
    to_microseconds,
)
from tests.integration.scraper.sources.expected_posts import ExpectedPost
from tests.jetstream_server import Event

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
POST = ExpectedPost(1, NOON, "Tea https://example.com/1", likes=0)
DAY = timedelta(hours=24)


def make_sorter(share: float = 1.0) -> EventSorter:
    return EventSorter(share, DAY, Counter())


def take(sorter: EventSorter, *events: Event) -> None:
    for event in events:
        sorter.take(orjson.dumps(event))


def test_a_deletion_that_overtakes_its_like_is_not_undone_by_it() -> None:
    sorter = make_sorter()
    like = make_like_event(POST, 1, NOON + MINUTE)
    take(sorter, make_post_event(POST), make_deletion_event(like, NOON + MINUTE))
    sorter.take_all()  # stored, and no like to take back was there

    take(sorter, like)

    assert sorter.take_all().engagements == []


def test_a_deletion_that_overtakes_its_post_is_not_undone_by_it() -> None:
    sorter = make_sorter()
    take(sorter, make_deletion_event(make_post_event(POST), NOON))
    sorter.take_all()

    take(sorter, make_post_event(POST))

    assert sorter.take_all().posts == []


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viral_scraper.sources.bluesky.events.MOST_DELETIONS", 1_000)
    sorter = make_sorter(share=0.01)
    messages = [
        orjson.dumps(make_deletion_event(make_like_event(POST, n, NOON), NOON)) for n in range(20_000)
    ]

    def round_of_events() -> int:
        for message in messages:
            sorter.take(message)
        sorter.take_all()
        return tracemalloc.get_traced_memory()[0]

    tracemalloc.start()
    first = round_of_events()
    sizes = [round_of_events() for _ in range(3)]
    tracemalloc.stop()

    assert max(sizes) <= first + 100_000


def test_likes_of_posts_too_old_to_follow_are_not_kept() -> None:
    sorter = make_sorter()

    take(
        sorter,
        make_like_event(POST, 1, NOON + DAY + timedelta(minutes=5)),
        make_like_event(POST, 2, NOON + 2 * DAY),
    )

    assert len(sorter.take_all().engagements) == 1


def test_posts_that_claim_another_time_are_counted_and_not_followed() -> None:
    bad: Counter[str] = Counter()
    sorter = EventSorter(1.0, DAY, bad)

    take(sorter, make_post_event(POST, createdAt="2019-01-01T00:00:00Z"))

    assert sorter.take_all().posts == []
    assert bad == {"posts that say they were written at another time": 1}


@pytest.mark.parametrize(
    "event",
    [
        [],
        {"time_us": 1},
        {"time_us": 1, "kind": "commit", "did": "d", "commit": {"collection": "app.bsky.feed.like"}},
        make_post_event(POST, text=7),
        make_post_event(POST, langs=[3]),
        make_post_event(POST, createdAt="yesterday"),
        make_post_event(POST, facets=[{}]),
        {**make_post_event(POST), "did": "did:plc:\x00"},
        {**make_post_event(POST), "did": "x" * 1_000},
        {**make_post_event(POST), "did": 7},
        {**make_post_event(POST), "did": ["did:plc:author1"]},
        {**make_post_event(POST), "time_us": True},
        {**make_post_event(POST), "time_us": 1e15},
        {**make_post_event(POST), "time_us": -1},
        {**make_post_event(POST), "time_us": 2**63},
    ],
)
def test_an_event_of_another_shape_is_counted_and_passed_over(event: Any) -> None:
    bad: Counter[str] = Counter()
    sorter = EventSorter(1.0, DAY, bad)

    take(sorter, event)
    take(sorter, make_post_event(POST))

    assert bad.total() == 1
    assert [tweet.external_id for tweet in sorter.take_all().posts] == [make_address(POST)]


@pytest.mark.parametrize(
    ("embed", "photos", "has_video", "is_quote"),
    [
        ({"$type": "app.bsky.embed.images", "images": [{}, {}]}, 2, False, False),
        ({"$type": "app.bsky.embed.video", "video": {}}, 0, True, False),
        ({"$type": "app.bsky.embed.record", "record": {}}, 0, False, True),
        (
            {
                "$type": "app.bsky.embed.recordWithMedia",
                "record": {},
                "media": {"$type": "app.bsky.embed.images", "images": [{}]},
            },
            1,
            False,
            True,
        ),
        ({"$type": "app.bsky.embed.external", "external": {"uri": "https://example.com"}}, 0, False, False),
    ],
)
def test_what_a_post_shows(embed: dict[str, Any], photos: int, has_video: bool, is_quote: bool) -> None:
    sorter = make_sorter()

    take(sorter, make_post_event(POST, embed=embed))

    (tweet,) = sorter.take_all().posts
    assert (tweet.photos_count, tweet.has_video, tweet.is_quote) == (photos, has_video, is_quote)


def test_the_cursor_is_the_newest_time_received_in_whatever_order() -> None:
    sorter = make_sorter()

    take(sorter, make_like_event(POST, 1, NOON + 2 * MINUTE), make_like_event(POST, 2, NOON + MINUTE))

    assert sorter.take_all().cursor_us == to_microseconds(NOON + 2 * MINUTE)


def test_an_event_from_the_future_does_not_move_the_cursor() -> None:
    bad: Counter[str] = Counter()
    sorter = EventSorter(1.0, DAY, bad)
    ahead = make_like_event(POST, 1, datetime.now(UTC) + timedelta(minutes=10))

    take(sorter, make_post_event(POST), ahead)

    assert sorter.take(orjson.dumps(ahead)) == 0
    assert sorter.take_all().cursor_us == to_microseconds(NOON)
    assert bad == {"events of an impossible time, such as tomorrow's": 2}


def test_a_clock_that_is_a_little_slow_loses_nothing() -> None:
    sorter = make_sorter()
    at = datetime.now(UTC) + timedelta(minutes=4)

    take(sorter, make_like_event(POST, 1, at))

    assert sorter.take_all().cursor_us == to_microseconds(at)


def test_facets_that_end_before_they_begin_do_not_grow_the_text() -> None:
    sorter = make_sorter()
    facet = {
        "index": {"byteStart": 1 << 40, "byteEnd": 0},
        "features": [{"$type": "app.bsky.richtext.facet#link", "uri": "x"}],
    }

    take(sorter, make_post_event(POST, facets=[facet] * 60, text="Tea"))

    assert [post.text for post in sorter.take_all().posts] == ["Tea"]


def test_of_facets_that_overlap_the_first_counts() -> None:
    sorter = make_sorter()

    def make_facet(start: int, end: int, uri: str) -> dict[str, Any]:
        feature = {"$type": "app.bsky.richtext.facet#link", "uri": uri}
        return {"index": {"byteStart": start, "byteEnd": end}, "features": [feature]}

    facets = [
        make_facet(6, 9, "http://second"),
        make_facet(4, 7, "http://first"),
        make_facet(8, 11, "http://third"),
    ]
    take(sorter, make_post_event(POST, facets=facets, text="See a.b c.d e"))

    assert [post.text for post in sorter.take_all().posts] == ["See http://first http://third e"]
