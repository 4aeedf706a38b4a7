"""The nine features beside the text."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from viral_common.tweets.features import (
    FEATURES,
    PROFILE_FEATURES,
    TWEET_FEATURES,
    AuthorHistory,
    TweetInput,
    compute_feature_matrix,
    compute_features,
    count_text,
)
from viral_common.tweets.profile import AuthorProfile

MONDAY_NOON = datetime(2022, 2, 28, 12, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "hashtags", "mentions", "words", "urls"),
    [
        ("plain words only", 0, 0, 3, 0),
        ("", 0, 0, 0, 0),
        ("a link https://site.org/page#part?to=@nobody with # and @", 0, 0, 6, 1),
        ("#one #two_2 #3three", 3, 0, 3, 0),
        ("#1 is a number, #2022 too", 0, 0, 6, 0),
        ("no#tag and a&#39;s", 0, 0, 3, 0),
        ("#سلام مرحبا @user", 1, 1, 3, 0),
        ("＃日本 full width", 1, 0, 3, 0),
        ("party 🎉#now🎉 @you🎉", 1, 1, 3, 0),
        ("cc @one, @two. (@three)", 0, 3, 4, 0),
        ("me@home.org is mail", 0, 0, 3, 0),
        ("photo pic.twitter.com/AbC1 and www.x.org", 0, 0, 2, 2),
        ("glued.https://t.co/a", 0, 0, 1, 1),
        ("##double", 1, 0, 1, 0),
    ],
)
def test_what_is_counted_in_a_text(text: str, hashtags: int, mentions: int, words: int, urls: int) -> None:
    counts = count_text(text)

    assert (counts.hashtags, counts.mentions, counts.words, counts.urls) == (hashtags, mentions, words, urls)


def test_day_and_hour_are_utc() -> None:
    in_tokyo = MONDAY_NOON.replace(hour=20).astimezone(timezone(timedelta(hours=9)))

    features = compute_features(TweetInput("early on Tuesday there", in_tokyo))

    assert (features["created_at_dayofweek"], features["created_at_hour"]) == (0, 20)


def test_the_matrix_has_the_features_in_their_order() -> None:
    tweet = TweetInput("#a @b word", MONDAY_NOON, photos_count=2, has_video=True, is_quote_tweet=True)

    matrix = compute_feature_matrix([tweet, tweet])

    assert tuple(compute_features(tweet)) == TWEET_FEATURES == FEATURES[:9]
    assert matrix[:, :9].tolist() == [[0, 12, 1, 1, 1, 3, 2, 1, 0]] * 2


def test_no_tweets_make_an_empty_matrix() -> None:
    assert compute_feature_matrix([]).shape == (0, len(FEATURES))


def test_an_author_never_seen_is_not_an_author_nobody_told() -> None:
    unknown, unseen, seen = compute_feature_matrix(
        [
            TweetInput("hello", MONDAY_NOON, username="Ann1962", author=author)
            for author in (None, AuthorHistory(), AuthorHistory(tweets=5, settled=4, viral=3, log_likes=10.0))
        ]
    )[:, 9:]

    assert unknown[0] == 0
    assert np.isnan(unknown[1:5]).all()
    assert unseen[:5].tolist() == [1, 0, 0.5, 0, 4]
    assert seen[:5].tolist() == pytest.approx([1, np.log(6), 4 / 6, 2, 4])


def get_profile_features(profile: AuthorProfile | None) -> list[float]:
    matrix = compute_feature_matrix([TweetInput("hello", MONDAY_NOON, profile=profile)])
    return [float(matrix[0, FEATURES.index(name)]) for name in PROFILE_FEATURES]


def test_each_part_of_a_profile_may_be_unknown() -> None:
    some = AuthorProfile(followers=99, posts=9, created_at=MONDAY_NOON - timedelta(days=9))

    assert get_profile_features(None) == pytest.approx([0, *[np.nan] * 9], nan_ok=True)
    assert get_profile_features(AuthorProfile(followers=0)) == pytest.approx(
        [1, 0, *[np.nan] * 8], nan_ok=True
    )
    ten, nan = np.log(10), np.nan
    assert get_profile_features(some) == pytest.approx(
        [1, np.log(100), nan, ten, nan, nan, nan, ten, nan, nan], nan_ok=True
    )
    whole = AuthorProfile(99, 9, 9, 99, 0, verified=True, created_at=MONDAY_NOON)
    assert get_profile_features(whole) == pytest.approx([1, 2 * ten, ten, ten, 2 * ten, 0, 1, 0, ten, ten])


def test_an_account_younger_than_the_tweet_has_no_age() -> None:
    late = AuthorProfile(created_at=MONDAY_NOON + timedelta(days=1))

    assert np.isnan(get_profile_features(late)[PROFILE_FEATURES.index("author_age")])


def test_with_its_content_hidden_only_the_author_is_left() -> None:
    tweet = TweetInput("hello #world", MONDAY_NOON, 2, username="ada", author=AuthorHistory(3, 2, 1, 1.0))

    told, hidden = compute_feature_matrix([tweet, tweet.hide_content()])

    assert np.isnan(hidden[:9]).all()
    assert np.array_equal(told[9:], hidden[9:], equal_nan=True)
    assert tweet.hide_content().text == ""


@given(st.text())
def test_counts_never_exceed_the_words_and_links_there_are(text: str) -> None:
    counts = count_text(text)

    assert 0 <= counts.mentions <= text.count("@")
    assert 0 <= counts.hashtags <= text.count("#") + text.count("＃")
