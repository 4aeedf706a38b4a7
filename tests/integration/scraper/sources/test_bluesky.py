"""Test that a stream that breaks, repeats itself and mixes up its order is counted exactly once all the same."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select
from sqlalchemy.event import listen
from sqlalchemy.orm import Session
from viral_common.database.engine import Sessions
from viral_common.database.tables import StreamCursor, StreamEngagement, StreamPost
from viral_common.tweets.tweet import RawTweet
from viral_scraper.sources.bluesky.appview import UNKNOWN
from viral_scraper.sources.bluesky.source import BlueskySource
from viral_scraper.stores.streams import StreamStore

from tests.integration.scraper.sources import http_server
from tests.integration.scraper.sources.appview_server import FakeAppView
from tests.integration.scraper.sources.bluesky_network import (
    MINUTE,
    make_account_deletion,
    make_address,
    make_deletion_event,
    make_did,
    make_events,
    make_like_event,
    make_post_event,
    make_time_event,
)
from tests.integration.scraper.sources.expected_posts import MIN_AGE, ExpectedPost, make_posts
from tests.integration.scraper.sources.harnesses import QUICK, find_day, receive_until
from tests.integration.scraper.test_outages import break_connections
from tests.jetstream_server import Event, Jetstream, serving

POSTS = [replace(post, is_reply=False) for post in make_posts(40)]


def make_source(db: Sessions, jetstream: Jetstream, share: float = 1.0, query: str = "") -> BlueskySource:
    return BlueskySource(db, jetstream.url, share, MIN_AGE, query, pace=QUICK)


def count_likes(db: Sessions, events: Sequence[Event], **how: object) -> dict[str, int]:
    """Count the likes by address after these events were served like that."""
    tweets = collect_posts(db, sorted(events, key=lambda event: event["time_us"]), **how)
    return {tweet.external_id: tweet.like_count for tweet in tweets}


def collect_posts(db: Sessions, events: Sequence[Event], **how: object) -> list[RawTweet]:
    with serving(Jetstream(list(events), **how)) as jetstream:  # type: ignore[arg-type]
        bluesky = make_source(db, jetstream)
        receive_until(bluesky, events[-1]["time_us"], db)
    return list(bluesky.search(*find_day(POSTS)))


def make_many_likes(posts: Sequence[ExpectedPost], seed: int) -> tuple[list[Event], dict[str, int]]:
    """Make events with likes, reposts, and half of some likes deleted; return those and the likes that remain."""
    chance = random.Random(seed)
    events = make_events([replace(post, likes=0) for post in posts])
    likes: dict[str, int] = {}
    for post in posts:
        liking = [
            make_like_event(post, n, post.at + chance.uniform(1, 1400) * MINUTE)
            for n in range(chance.randrange(9))
        ]
        back = [like for like in liking if chance.random() < 0.3]
        events += liking
        events += [make_like_event(post, 99, post.at + MINUTE, "app.bsky.feed.repost")]
        for like in back:
            # Most change their mind at once, so that the stream's disorder can put it before the like.
            event = make_deletion_event(like, post.at)
            event["time_us"] = like["time_us"] + int(chance.choice((1e6, 5e6, 1e9)))
            events.append(event)
        likes[make_address(post)] = len(liking) - len(back)
    return events, likes


@pytest.mark.parametrize("seed", [1, 2])
def test_every_like_counts_once_however_the_stream_behaves(db: Sessions, seed: int) -> None:
    events, likes = make_many_likes(POSTS, seed)

    disturbed = count_likes(db, events, breaks_after=150, repeats=0.2, mixes=True, seed=seed)

    assert disturbed == likes


def test_likes_count_until_the_minimum_age_and_no_longer(db: Sessions) -> None:
    post = POSTS[0]
    in_time = [
        make_like_event(post, 1, post.at + MIN_AGE - MINUTE),
        make_like_event(post, 2, post.at + MINUTE),
    ]
    too_late = [make_like_event(post, 3, post.at + MIN_AGE + MINUTE)]

    likes = count_likes(db, [*make_events([replace(post, likes=0)]), *in_time, *too_late])

    assert likes == {make_address(post): 2}


def test_reposts_and_replies_are_counted_beside_likes(db: Sessions) -> None:
    post, other = POSTS[:2]
    answer = make_post_event(
        other, reply={"root": {"uri": make_address(post)}, "parent": {"uri": make_address(post)}}
    )
    repost = make_like_event(post, 1, post.at + MINUTE, "app.bsky.feed.repost")

    (tweet,) = collect_posts(
        db, sorted([*make_events([replace(post, likes=1)]), answer, repost], key=lambda e: e["time_us"])
    )[:1]

    assert (tweet.like_count, tweet.retweet_count, tweet.reply_count) == (1, 1, 1)


def test_a_deleted_post_and_a_deleted_author_leave_nothing_behind(db: Sessions) -> None:
    gone, stays, left = POSTS[0], POSTS[1], POSTS[2]
    events = make_events([gone, stays, left])
    events += [
        make_deletion_event(make_post_event(gone), gone.at + timedelta(hours=30)),
        make_account_deletion(make_did(left.number), left.at + timedelta(hours=5)),
    ]

    likes = count_likes(db, events)

    assert list(likes) == [make_address(stays)]


def test_a_share_of_the_posts_is_the_same_share_for_everybody(db: Sessions) -> None:
    events = make_events(POSTS)
    with serving(Jetstream(events)) as jetstream:
        half = make_source(db, jetstream, share=0.5)
        receive_until(half, events[-1]["time_us"], db)
    tweets = list(half.search(*find_day(POSTS)))

    assert 8 <= len(tweets) <= 32
    by_address = {make_address(post): post.likes for post in POSTS}
    assert all(tweet.like_count == by_address[tweet.external_id] for tweet in tweets)


def test_after_a_gap_posts_with_unknown_likes_are_dropped(db: Sessions) -> None:
    first, last = POSTS[0], POSTS[-1]
    with serving(Jetstream([make_post_event(first), make_time_event(first.at + MINUTE)])) as jetstream:
        receive_until(make_source(db, jetstream), int((first.at + MINUTE).timestamp() * 1e6), db)

    events = make_events([replace(last, likes=1)])
    with serving(Jetstream(events, oldest_us=int(last.at.timestamp() * 1e6) - 1)) as jetstream:
        bluesky = make_source(db, jetstream)
        receive_until(bluesky, events[-1]["time_us"], db)

    assert [tweet.external_id for tweet in bluesky.search(*find_day(POSTS))] == [make_address(last)]
    assert bluesky.bad_rows == {"posts whose likes were missed in a gap": 1}


def test_what_is_counted_is_not_kept_any_longer_than_needed(db: Sessions) -> None:
    events, _ = make_many_likes(POSTS, seed=3)

    collect_posts(db, sorted(events, key=lambda event: event["time_us"]))

    with db() as session:
        assert session.scalar(select(func.count()).select_from(StreamEngagement)) == 0
        assert session.scalar(select(func.count()).select_from(StreamPost)) == len(POSTS)


def test_killed_in_the_middle_it_misses_nothing_and_counts_nothing_twice(
    db: Sessions, database_url: str
) -> None:
    events, likes = make_many_likes(POSTS, seed=5)
    events.sort(key=lambda event: event["time_us"])
    store = StreamStore(db, "bluesky")
    with serving(Jetstream(events, repeats=0.1, mixes=True, pause_s=0.002)) as jetstream:
        command = [
            sys.executable,
            "-m",
            "tests.integration.scraper.sources.streaming",
            database_url,
            jetstream.url,
        ]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            until = events[len(events) // 2]["time_us"]
            end = time.monotonic() + 30
            while (store.read_cursor_us() or 0) < until and time.monotonic() < end:
                time.sleep(0.005)
            process.kill()
        killed_at = store.read_cursor_us()
        bluesky = make_source(db, jetstream)
        receive_until(bluesky, events[-1]["time_us"], db)

    assert killed_at is not None
    assert killed_at < events[-1]["time_us"]
    assert {t.external_id: t.like_count for t in bluesky.search(*find_day(POSTS))} == likes


def test_connections_to_postgres_lost_while_it_stores_lose_nothing(db: Sessions) -> None:
    events, likes = make_many_likes(POSTS, seed=4)
    events.sort(key=lambda event: event["time_us"])
    middle = events[len(events) // 2]["time_us"]
    cut_at: list[int] = []

    def cut(session: Session) -> None:
        """Break connections once, in the listener's own thread, before it can commit what lies behind the middle."""
        cursor_us = session.scalar(select(StreamCursor.cursor_us)) or 0
        if cursor_us >= middle and not cut_at:
            cut_at.append(cursor_us)
            break_connections(db)

    listen(db, "before_commit", cut)
    with serving(Jetstream(events, pause_s=0.002)) as jetstream:
        bluesky = make_source(db, jetstream)
        receive_until(bluesky, events[-1]["time_us"], db)

    assert len(cut_at) == 1
    assert len(jetstream.connections) > 1
    assert {t.external_id: t.like_count for t in bluesky.search(*find_day(POSTS))} == likes


def test_events_that_no_database_would_take_are_counted_and_passed_over(db: Sessions) -> None:
    post = POSTS[0]
    odd = [
        make_post_event(post, text=7),
        make_post_event(post, langs=[3]),
        make_post_event(post, createdAt="yesterday"),
        {**make_post_event(post), "did": "did:plc:\x00"},
        {**make_post_event(post), "did": "x" * 1_000},
    ]
    for event in odd:
        event["time_us"] += 1

    tweets = collect_posts(db, [*odd, *make_events([POSTS[1]])])

    assert [tweet.external_id for tweet in tweets] == [make_address(POSTS[1])]


def test_words_of_the_query_choose_among_the_posts(db: Sessions) -> None:
    events = make_events(POSTS)
    with serving(Jetstream(events)) as jetstream:
        bluesky = make_source(db, jetstream, query="THOUGHT 17")
        receive_until(bluesky, events[-1]["time_us"], db)

    found = list(bluesky.search(*find_day(POSTS)))

    assert [tweet.external_id for tweet in found] == [make_address(POSTS[17])]


def test_authors_of_a_day_s_posts_are_looked_up_when_the_day_is_searched(db: Sessions) -> None:
    events, network = make_events(POSTS), FakeAppView(gone={make_did(1)})
    with serving(Jetstream(events)) as jetstream, http_server.serve(network.answer) as appview:
        bluesky = BlueskySource(db, jetstream.url, 1.0, MIN_AGE, pace=QUICK, appview_url=appview.url)
        receive_until(bluesky, events[-1]["time_us"], db)
        asked_while_listening = list(network.asked)

        tweets = list(bluesky.search(*find_day(POSTS)))

    assert asked_while_listening == []
    assert sorted(network.asked[0]) == [make_did(number) for number in range(7)]
    assert {tweet.author_id for tweet in tweets if tweet.profile is None} == {make_did(1)}
    assert bluesky.bad_rows == {UNKNOWN: 1}


def test_an_appview_that_is_away_does_not_stop_collecting(db: Sessions) -> None:
    events = make_events(POSTS)
    with serving(Jetstream(events)) as jetstream:
        bluesky = BlueskySource(
            db,
            jetstream.url,
            1.0,
            MIN_AGE,
            pace=QUICK,
            appview_url="http://127.0.0.1:9",
            sleep=lambda _: None,
        )
        receive_until(bluesky, events[-1]["time_us"], db)

    tweets = list(bluesky.search(*find_day(POSTS)))

    assert len(tweets) == len(POSTS)
    assert not any(tweet.profile for tweet in tweets)
    assert bluesky.bad_rows == {UNKNOWN: 7}


def test_a_limit_counts_the_posts_that_the_words_choose(db: Sessions) -> None:
    events = make_events(POSTS)
    with serving(Jetstream(events)) as jetstream:
        bluesky = make_source(db, jetstream, query="thought 17")
        receive_until(bluesky, events[-1]["time_us"], db)

    found = list(bluesky.search(*find_day(POSTS), 1))

    assert [tweet.external_id for tweet in found] == [make_address(POSTS[17])]


def test_a_post_that_filters_leave_out_holds_no_word_and_counts_to_no_limit(db: Sessions) -> None:
    posts = make_posts(20)
    events = make_events(posts)
    with serving(Jetstream(events)) as jetstream:
        bluesky = make_source(db, jetstream, query="thought")
        receive_until(bluesky, events[-1]["time_us"], db)

    found = list(bluesky.search(*find_day(posts), 12))

    originals = [make_address(post) for post in posts if not post.is_reply]
    assert [tweet.external_id for tweet in found] == originals[:12]
