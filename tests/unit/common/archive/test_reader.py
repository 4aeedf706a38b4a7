"""Test every container and every tool's rows: the same tweets come out, and whatever is wrong is named."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.reader import SNSCRAPE, TWINT, X_API, X_API_V1, Shape, read_tweets
from viral_common.tweets.tweet import RawTweet

from tests.factories import make_twint_days, make_twint_row
from tests.fuzz.archives import make_snscrape_row, make_v1_row

ROWS = make_twint_days(1, 30)
LINES = b"".join(json.dumps(row).encode() + b"\n" for row in ROWS)

SNSCRAPE_ROW: dict[str, Any] = {
    "_type": "snscrape.modules.twitter.Tweet",
    "id": 1365768782698844161,
    "date": "2021-02-27T21:00:27+00:00",
    "rawContent": "Look &amp; read https://t.co/page https://t.co/quoted",
    "user": {"username": "someone", "id": 621470153},
    "replyCount": 1,
    "retweetCount": 2,
    "likeCount": 3,
    "lang": "en",
    "media": [{"_type": "snscrape.modules.twitter.Photo"}],
    "outlinks": ["https://page.org", "https://twitter.com/who/status/17"],
    "quotedTweet": {"id": 17},
}
X_ROW: dict[str, Any] = {
    "id": "1365768782698844161",
    "author_id": "621470153",
    "text": "Look &amp; read https://t.co/page https://t.co/media",
    "lang": "en",
    "created_at": "2021-02-27T21:00:27.000Z",
    "public_metrics": {"retweet_count": 2, "reply_count": 1, "like_count": 3, "quote_count": 0},
    "referenced_tweets": [],
    "attachments": {"media_keys": ["3_1", "3_2"]},
    "entities": {
        "urls": [
            {"url": "https://t.co/page", "expanded_url": "https://page.org"},
            {
                "url": "https://t.co/media",
                "expanded_url": "https://twitter.com/a/status/1365768782698844161/photo/1",
            },
        ]
    },
}
X_PAGE: dict[str, Any] = {
    "data": [X_ROW, {**X_ROW, "id": "1365768782698844162"}],
    "includes": {"users": [{"id": "621470153", "username": "someone"}]},
    "meta": {"result_count": 2},
}


def read(path: Path, data: bytes | None = None) -> tuple[list[RawTweet], dict[str, int]]:
    if data is not None:
        path.write_bytes(data)
    bad = BadRows()
    return list(read_tweets(path, bad)), dict(bad.by_reason)


def make_parquet(rows: list[dict[str, Any]], **options: Any) -> bytes:
    out = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out, **options)
    return out.getvalue()


CONTAINERS: dict[str, Callable[[], bytes]] = {
    "gzip": lambda: gzip.compress(LINES),
    "two gzip members": lambda: gzip.compress(LINES[:5000]) + gzip.compress(LINES[5000:]),
    "gzip filled up with zeros": lambda: gzip.compress(LINES) + bytes(500),
    "zstd": lambda: zstandard.compress(LINES),
    "two zstd frames": lambda: zstandard.compress(LINES[:5000]) + zstandard.compress(LINES[5000:]),
    "no last line end": lambda: LINES[:-1],
    "Windows line ends": lambda: LINES.replace(b"\n", b"\r\n"),
    "a list": lambda: json.dumps(ROWS).encode(),
    "an indented list": lambda: json.dumps(ROWS, indent=2).encode(),
    "indented objects": lambda: b"\n".join(json.dumps(row, indent=1).encode() for row in ROWS),
    "Parquet": lambda: make_parquet([{**row, "reply_to": None} for row in ROWS], row_group_size=7),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_the_same_tweets(tmp_path: Path, name: str) -> None:
    plain, _ = read(tmp_path / "plain", LINES)

    tweets, bad = read(tmp_path / "other", CONTAINERS[name]())

    assert len(plain) == 30
    assert (tweets, bad) == (plain, {})


@pytest.mark.parametrize(
    ("data", "reason", "kept"),
    [
        (zstandard.compress(LINES)[:-9], "Zstandard file ends early", 0),
        (zstandard.compress(LINES) + b"junk", "Zstandard file is damaged from here on", 30),
        (gzip.compress(LINES, mtime=0)[:-4], "gzip file ends early", 30),
        (gzip.compress(LINES, mtime=0) + b"junk" * 9, "gzip file is damaged from here on", 30),
        (gzip.compress(LINES, mtime=0)[:5], "gzip file ends early", 0),
        (json.dumps(ROWS).encode()[:-700], "JSON document ends early", 28),
        (b"[" + LINES[:-1].replace(b"\n", b",\noops,") + b"]", "broken JSON", 30),
        (make_parquet(ROWS[:3])[:-20], "Parquet file is damaged from here on", 0),
        (make_parquet([{"a": 1}]), "a table without columns of tweets", 0),
    ],
)
def test_what_is_whole_in_a_damaged_file_is_kept(tmp_path: Path, data: bytes, reason: str, kept: int) -> None:
    tweets, bad = read(tmp_path / "tweets", data)

    assert (len(tweets), set(bad)) == (kept, {reason})


def test_snscrape_s_rows(tmp_path: Path) -> None:
    (tweet,), bad = read(tmp_path / "t", json.dumps(SNSCRAPE_ROW).encode())

    assert bad == {}
    assert (tweet.text, tweet.username, tweet.author_id) == (
        "Look & read https://t.co/page",
        "someone",
        "621470153",
    )
    assert (tweet.like_count, tweet.retweet_count, tweet.reply_count) == (3, 2, 1)
    assert (tweet.is_quote, tweet.photos_count, tweet.is_reply) == (True, 1, False)


@pytest.mark.parametrize("data", [X_PAGE, [X_PAGE], X_PAGE["data"]], ids=["page", "pages", "tweets"])
@pytest.mark.parametrize("indent", [None, 2])
def test_x_s_rows_alone_and_in_pages(tmp_path: Path, data: Any, indent: int | None) -> None:
    tweets, bad = read(tmp_path / "t", json.dumps(data, indent=indent).encode())

    assert bad == {}
    assert [tweet.external_id[-1] for tweet in tweets] == ["1", "2"]
    assert {tweet.username for tweet in tweets} == ({""} if data is X_PAGE["data"] else {"someone"})
    assert (tweets[0].text, tweets[0].photos_count) == ("Look & read https://t.co/page", 2)


def test_empty_pages_are_no_fault_and_errors_are(tmp_path: Path) -> None:
    pages = [X_PAGE, {"meta": {"result_count": 0}}, {"errors": [{"title": "Not Found"}]}]

    tweets, bad = read(tmp_path / "t", b"\n".join(json.dumps(page).encode() for page in pages))

    assert len(tweets) == 2
    assert bad == {"an error of the API instead of tweets": 1}


@pytest.mark.parametrize(
    ("shape", "row"),
    [
        (TWINT, lambda language: make_twint_row(language=language)),
        (SNSCRAPE, lambda language: {**SNSCRAPE_ROW, "lang": language}),
        (X_API, lambda language: {**X_ROW, "lang": language}),
        (X_API_V1, lambda language: {**make_v1_row(0), "lang": language}),
    ],
    ids=["twint", "snscrape", "x", "x v1.1"],
)
@pytest.mark.parametrize("odd", ["\x00", "\ud800"])
def test_a_language_is_text_that_every_database_takes(
    shape: Shape, row: Callable[[str], dict[str, Any]], odd: str
) -> None:
    tweet = shape.read_tweet(shape.convert(row(f"en-{odd}")))

    assert tweet.language == "en-"


@pytest.mark.parametrize("name", ["snscrape_200_rows.jsonl", "x_api_v2_tweets.json"])
def test_real_rows_are_understood(tmp_path: Path, name: str, tweets_file: Path) -> None:
    file = tweets_file.parent.parent / "fixtures" / name
    if not file.exists():
        pytest.skip(f"no {file}")

    tweets, bad = read(file)

    assert bad == {}
    assert len(tweets) in (200, 218)
    assert any(tweet.is_quote for tweet in tweets)
    assert any(tweet.photos_count for tweet in tweets)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    ("shape", "good"),
    [
        (TWINT, make_twint_row()),
        (SNSCRAPE, SNSCRAPE_ROW),
        (X_API, {**X_ROW, "_user": {"username": "ada", "public_metrics": {"followers_count": 7}}}),
        (X_API_V1, make_v1_row(0)),
    ],
    ids=["twint", "snscrape", "x", "x v1.1"],
)
@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_whatever_a_field_holds_the_row_is_a_tweet_or_a_bad_one(
    shape: Shape, good: dict[str, Any], data: st.DataObject
) -> None:
    row = {**good, data.draw(st.sampled_from(sorted(good))): data.draw(ANYTHING)}

    with suppress(BadRow):
        tweet = shape.read_tweet(shape.convert(row))
        assert tweet.like_count >= 0
        assert len(tweet.text) <= 25_000
        if shape.read_profile:
            shape.read_profile(row, lambda _reason: None)


@given(
    container=st.sampled_from(sorted(CONTAINERS)),
    cuts=st.lists(st.tuples(st.floats(0, 1), st.binary(max_size=8)), min_size=1, max_size=3),
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_is_fatal_or_passes_in_silence(
    tmp_path: Path, container: str, cuts: list[tuple[float, bytes]]
) -> None:
    data = CONTAINERS[container]()
    for place, put in cuts:
        at = round(place * len(data))
        data = data[:at] + put + data[at + len(put) :]

    tweets, bad = read(tmp_path / "damaged", data)

    if len(tweets) < len(ROWS):
        assert sum(bad.values()) > 0


@pytest.mark.parametrize("make_row", [make_snscrape_row, make_v1_row])
def test_parquet_of_many_row_groups_with_nested_columns_is_read_whole(
    tmp_path: Path, make_row: Callable[[int], dict[str, Any]]
) -> None:
    rows = [make_row(number) for number in range(20)]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "tweets.parquet", row_group_size=3)
    bad = BadRows()

    tweets = list(read_tweets(tmp_path / "tweets.parquet", bad))

    assert not bad.by_reason
    assert [tweet.external_id for tweet in tweets] == [str(row["id"]) for row in rows]
    assert [tweet.profile and tweet.profile.followers for tweet in tweets] == list(range(20))
