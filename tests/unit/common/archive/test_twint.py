"""Test Twint's rows, vintage by vintage."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from viral_common.archive.bad_rows import BadRow
from viral_common.archive.fields import restore_typed_text
from viral_common.archive.reader import TWINT
from viral_common.tweets.tweet import RawTweet

from tests.factories import FIRST_DAY, make_snowflake, make_twint_row

QUOTED = "https://twitter.com/who/status/123"


def read_tweet(row: dict[str, Any]) -> RawTweet:
    return TWINT.read_tweet(TWINT.convert(row))


def test_the_time_is_the_id_s_whatever_the_local_clock_said() -> None:
    row = make_twint_row(FIRST_DAY, created_at="2022-03-01 01:00:00 Västeuropa, normaltid", timezone="+0100")

    assert read_tweet(row).posted_at == FIRST_DAY


def test_an_id_older_than_snowflakes_leaves_the_time_to_created_at() -> None:
    row = make_twint_row(id=20, created_at="2006-03-21 21:50:14 Paris, Madrid", timezone="+0100")

    assert read_tweet(row).posted_at == datetime(2006, 3, 21, 20, 50, 14, tzinfo=UTC)


def test_epoch_milliseconds_are_a_time_too() -> None:
    row = make_twint_row(id=20, created_at=1_142_974_214_000, timezone="W. Central Africa Standard Time")

    assert read_tweet(row).posted_at == datetime(2006, 3, 21, 20, 50, 14, tzinfo=UTC)


def test_lists_may_be_written_as_text() -> None:
    row = make_twint_row(photos="['https://a/1.jpg', 'https://a/2.jpg']", urls="[]", reply_to="[]")

    assert read_tweet(row).photos_count == 2


def test_a_photo_is_no_video_although_twint_says_so() -> None:
    photo = read_tweet(make_twint_row(video=1, photos=["https://a/1.jpg"]))
    video = read_tweet(make_twint_row(video=1))

    assert (photo.has_video, photo.photos_count) == (False, 1)
    assert (video.has_video, video.photos_count) == (True, 0)


@pytest.mark.parametrize(
    ("fields", "is_reply"),
    [
        ({}, False),
        ({"conversation_id": "17"}, True),
        ({"tweet": "@you yes", "reply_to": [{"screen_name": "you"}]}, True),
        ({"tweet": "@you yes", "reply_to": []}, False),
        ({"tweet": "yes @you", "reply_to": [{"screen_name": "you"}]}, False),
    ],
)
def test_what_makes_a_reply(fields: dict[str, Any], is_reply: bool) -> None:
    assert read_tweet(make_twint_row(**fields)).is_reply == is_reply


@pytest.mark.parametrize(
    "fields", [{"retweet": True}, {"retweet": "True"}, {"tweet": "RT @you: what you said"}]
)
def test_what_makes_a_retweet(fields: dict[str, Any]) -> None:
    assert read_tweet(make_twint_row(**fields)).is_retweet


@pytest.mark.parametrize(
    ("text", "urls", "quote_url", "typed"),
    [
        ("look  https://t.co/media", [], "", "look"),
        ("read  https://t.co/page", ["https://page.org"], "", "read  https://t.co/page"),
        ("read  https://t.co/page  https://t.co/media", ["https://page.org"], "", "read  https://t.co/page"),
        ("so true  https://t.co/quoted", [QUOTED], QUOTED, "so true"),
        ("so true  https://t.co/quoted  https://t.co/media", [QUOTED], QUOTED, "so true"),
        ("so true", [], QUOTED, "so true"),
        (
            "on https://t.co/page  https://t.co/q",
            ["https://page.org", QUOTED],
            QUOTED,
            "on https://t.co/page",
        ),
        (f"so true  {QUOTED}\xa0…", [QUOTED], QUOTED, "so true"),
        ("see https://page.org/a\xa0… now", ["https://page.org/a"], "", "see https://page.org/a  now"),
        ("this pic.twitter.com/Ab1", [], "", "this"),
        ("https://t.co/media is mine", [], "", "https://t.co/media is mine"),
        ("salt &amp; pepper &lt;3 &amp;lt; ?a=1&copy=2", [], "", "salt & pepper <3 &lt; ?a=1&copy=2"),
        ("no\0 nul \ud83d", [], "", "no nul "),
    ],
)
def test_the_text_is_what_its_author_typed(text: str, urls: list[object], quote_url: str, typed: str) -> None:
    assert restore_typed_text(text, urls, bool(quote_url)) == typed


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"id": None}, "no id"),
        ({"id": "abc"}, "id is no whole number"),
        ({"id": 1.5e18}, "id is no whole number"),
        ({"id": 2**70}, "id out of range"),
        ({"id": -5}, "id out of range"),
        ({"tweet": None}, "no tweet"),
        ({"tweet": 5}, "tweet is no text"),
        ({"tweet": "x" * 1_000_000}, "tweet longer than 25000 characters"),
        ({"likes_count": None}, "no likes_count"),
        ({"likes_count": -1}, "likes_count negative or absurd"),
        ({"likes_count": 2**53 + 1}, "likes_count negative or absurd"),
        ({"likes_count": True}, "likes_count is no whole number"),
        ({"likes_count": "12"}, "likes_count is no whole number"),
        ({"retweets_count": 1.0}, "retweets_count is no whole number"),
        ({"replies_count": []}, "replies_count is no whole number"),
        ({"username": None}, "no username"),
        ({"user_id": ""}, "no user_id"),
        ({"language": 7}, "language is no text"),
        ({"conversation_id": None}, "no conversation_id"),
        ({"photos": "['half"}, "photos is no list"),
        ({"urls": 7}, "urls is no list"),
        ({"created_at": "2022-02-30 10:00:00 UTC"}, "impossible date"),
        ({"created_at": "yesterday"}, "impossible date"),
        ({"id": make_snowflake(datetime(2061, 1, 1, tzinfo=UTC))}, "impossible date"),
        ({"id": 20, "created_at": "2006-03-22 21:50:14 Mitt hus", "timezone": "hemma"}, "no usable time"),
        ({"id": 20, "created_at": "1999-03-22 21:50:14 UTC"}, "impossible date"),
    ],
)
def test_a_bad_row_says_what_is_wrong(fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadRow, match=f"^{reason}$"):
        read_tweet(make_twint_row(**fields))
