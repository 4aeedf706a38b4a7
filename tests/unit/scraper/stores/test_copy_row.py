"""Test rows as COPY takes them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from viral_common.tweets.features import count_text
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.text import choose_split, clean, compute_copy_hash, compute_near_hash
from viral_common.tweets.tweet import RawTweet
from viral_scraper.stores.copy_row import CopyRow, prepare

TWEET = RawTweet(
    external_id="17",
    posted_at=datetime(2022, 3, 1, 12, 30, 15, 123_000, tzinfo=UTC),
    author_id="9",
    username="who",
    text="",
    language="en",
    like_count=3,
    retweet_count=2,
    reply_count=1,
    photos_count=4,
    has_video=True,
    is_quote=True,
    is_reply=False,
    is_retweet=False,
    counts_observed_at=datetime(2022, 3, 3, tzinfo=UTC),
)
BITS = [
    "https://t.co/x",
    "HTTP://X",
    "www.a.b",
    "@who",
    "@@",
    "#tag",
    "＃tag",
    "#1",
    "word",
    "\\",
    "\t",
    "\n",
    "\r",
    " ",
    "é😀",
]

texts = st.lists(st.sampled_from(BITS) | st.text(max_size=3), max_size=12).map("".join).map(clean)


@given(texts)
def test_a_row_read_again_is_the_tweet(text: str) -> None:
    tweet = replace(TWEET, text=text)

    row = CopyRow.from_tweet(tweet).encode()

    assert row.count(b"\n") == 1
    assert CopyRow.decode(row).to_tweet() == tweet


counts = st.none() | st.integers(0, 10**10)
moments = st.none() | st.datetimes(timezones=st.just(UTC))
profiles = st.builds(
    AuthorProfile, counts, counts, counts, counts, counts, st.none() | st.booleans(), moments, moments
)


@given(profiles)
def test_a_row_read_again_has_the_authors_profile(profile: AuthorProfile) -> None:
    tweet = replace(TWEET, profile=profile if profile.count_parts() else None)

    assert CopyRow.decode(CopyRow.from_tweet(tweet).encode()).to_tweet() == tweet


@given(texts)
def test_what_a_row_says_of_its_text_is_what_the_features_say(text: str) -> None:
    row = CopyRow.from_tweet(replace(TWEET, text=text))
    counts = count_text(text)

    assert [row.hashtags_count, row.mentions_count, row.word_count, row.urls_count] == [
        counts.hashtags,
        counts.mentions,
        counts.words,
        counts.urls,
    ]
    assert (row.text_hash, row.near_hash) == (compute_copy_hash(text), compute_near_hash(text))
    assert row.split == choose_split(compute_copy_hash(text))


@pytest.mark.parametrize("likes", [(1, 5), (5, 1)])
def test_of_a_tweet_that_comes_twice_the_one_with_more_likes_is_kept(likes: tuple[int, int]) -> None:
    twice = [replace(TWEET, text="Once", like_count=count) for count in likes]

    prepared = prepare(twice)

    assert (prepared.count, prepared.left_out) == (1, {"duplicate": 1})
    assert CopyRow.decode(prepared.rows).to_tweet().like_count == 5
