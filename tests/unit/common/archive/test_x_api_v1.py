"""Test rows of X's API v1.1."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.reader import X_API_V1, read_tweets
from viral_common.tweets.features import count_text
from viral_common.tweets.filters import find_reason_against
from viral_common.tweets.tweet import RawTweet

from tests.conftest import TEST_DATA
from tests.fuzz.archives import make_v1_row

QUOTED = {"url": "https://t.co/quoted", "expanded_url": "https://twitter.com/who/status/17?s=19"}
LINK = {"url": "https://t.co/page", "expanded_url": "https://page.org"}


def read_tweet(**fields: Any) -> RawTweet:
    return X_API_V1.read_tweet({**make_v1_row(3), "extended_tweet": None, **fields})


def test_a_long_text_is_read_whole_from_beside_its_beginning() -> None:
    row = make_v1_row(3)
    long = {"full_text": "All of it &amp; more https://t.co/page", "entities": {"urls": [LINK]}}

    tweet = read_tweet(text="All of it…", truncated=True, extended_tweet=long)

    assert tweet.text == "All of it & more https://t.co/page"
    assert tweet.external_id == row["id_str"]
    assert (tweet.like_count, tweet.retweet_count, tweet.reply_count) == (3, 0, 0)
    assert (tweet.author_id, tweet.username) == ("7", "ada")


def test_full_text_stands_for_text() -> None:
    assert read_tweet(text=None, full_text="All of it").text == "All of it"


def test_a_text_that_was_cut_loses_its_link_to_itself() -> None:
    row = make_v1_row(3)
    itself = {"url": "https://t.co/it", "expanded_url": f"https://twitter.com/i/web/status/{row['id']}"}

    assert read_tweet(text="Half of… https://t.co/it", entities={"urls": [itself]}).text == "Half of…"


@pytest.mark.parametrize(
    ("text", "typed"),
    [
        ("Look https://t.co/page https://t.co/quoted https://t.co/pic", "Look https://t.co/page"),
        ("Look https://t.co/quoted https://t.co/page", "Look https://t.co/quoted https://t.co/page"),
        ("https://t.co/pic", ""),
        ("Look", "Look"),
    ],
)
def test_links_to_own_pictures_and_to_the_quoted_tweet_are_no_part_of_the_text(text: str, typed: str) -> None:
    tweet = read_tweet(
        text=text,
        is_quote_status=True,
        quoted_status_id_str="17",
        entities={"urls": [LINK, QUOTED]},
        extended_entities={"media": [{"type": "photo", "url": "https://t.co/pic"}] * 2},
    )

    assert (tweet.text, tweet.is_quote, tweet.photos_count, tweet.has_video) == (typed, True, 2, False)


@pytest.mark.parametrize("kind", ["video", "animated_gif"])
def test_what_moves_is_a_video(kind: str) -> None:
    tweet = read_tweet(extended_entities={"media": [{"type": kind, "url": "https://t.co/v"}]})

    assert (tweet.has_video, tweet.photos_count) == (True, 0)


@pytest.mark.parametrize(
    "fields",
    [
        {"in_reply_to_status_id_str": "17"},
        {"in_reply_to_status_id": 17},
        {"in_reply_to_user_id_str": "8"},
    ],
)
def test_an_answer_is_a_reply(fields: dict[str, Any]) -> None:
    assert read_tweet(**fields).is_reply
    assert not read_tweet().is_reply


@pytest.mark.parametrize("fields", [{"retweeted_status": {"id": 17}}, {"text": "RT @who: Tea"}])
def test_a_retweet_is_one(fields: dict[str, Any]) -> None:
    assert read_tweet(**fields).is_retweet
    assert not read_tweet().is_retweet


def test_an_id_older_than_snowflakes_leaves_the_time_to_created_at() -> None:
    tweet = read_tweet(id_str="20", created_at="Tue Mar 21 20:50:14 +0000 2006")

    assert tweet.posted_at == datetime(2006, 3, 21, 20, 50, 14, tzinfo=UTC)


@pytest.mark.parametrize("written", [None, 7, "yesterday", "Sat Nov 99 19:04:10 +0000 2017", "9" * 999])
def test_an_impossible_date_is_a_bad_row(written: Any) -> None:
    with pytest.raises(BadRow, match=r"impossible date|created_at is no text"):
        read_tweet(created_at=written)


def test_real_rows_say_what_twint_said_of_the_same_tweets() -> None:
    files = [TEST_DATA / name for name in ("covid2020.jsonl.gz", "covid2020_v1.jsonl.gz")]
    if not all(file.exists() for file in files):
        pytest.skip("no real tweets; set VIRAL_TEST_DATA")

    bad = BadRows()
    twint, v1 = ({tweet.external_id: tweet for tweet in read_tweets(file, bad)} for file in files)

    assert not bad.by_reason
    assert twint.keys() == v1.keys()
    assert [_take_facts(tweet) for tweet in twint.values()] == [_take_facts(v1[key]) for key in twint]
    # Twint broke some texts: a space before each link, and links within names and at the end lost.
    same = [count_text(tweet.text) == count_text(v1[key].text) for key, tweet in twint.items()]
    assert sum(same) > 0.999 * len(same)
    assert all(tweet.profile and tweet.profile.count_parts() == 7 for tweet in v1.values())


def _take_facts(tweet: RawTweet) -> tuple[Any, ...]:
    return (
        tweet.posted_at,
        tweet.author_id,
        tweet.username.lower(),
        tweet.language,
        (tweet.like_count, tweet.retweet_count, tweet.reply_count),
        (tweet.photos_count, tweet.has_video),
        (tweet.is_quote, tweet.is_reply, tweet.is_retweet),
        find_reason_against(tweet),
    )
