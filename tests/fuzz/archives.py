"""Files of tweets: rows, text and packing damaged; Parquet whose footer and pages lie."""

from __future__ import annotations

import gzip
import io
import json
import random
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import structlog
import zstandard
from viral_common.archive.bad_rows import BadRows
from viral_common.archive.reader import read_tweets
from viral_common.errors import UsageError
from viral_common.tweets.profile import MOST
from viral_common.tweets.text import clean

from tests.factories import FIRST_DAY, make_snowflake, make_twint_row
from tests.fuzz.mutators import VALUES, mutate_bytes, mutate_json, mutate_thrift

MIB = 1 << 20


def prepare(_folder: Path) -> dict[str, Any]:
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory(), processors=[lambda *_: ""])
    twint = [
        make_twint_row(number=number, tweet=f"Rain &amp; more https://t.co/a{number}") for number in range(12)
    ]
    snscrape = [make_snscrape_row(number) for number in range(12)]
    x_api = [make_x_page(number) for number in range(4)]
    v1 = [make_v1_row(number) for number in range(12)]
    return {"rows": [twint, snscrape, x_api, v1], "parquet": list(_make_parquet_files(twint, snscrape, v1))}


def run(rng: random.Random, state: dict[str, Any], folder: Path) -> str:
    path = folder / "tweets"
    is_parquet = rng.random() < 0.2
    path.write_bytes(_damage_parquet(rng, state) if is_parquet else _damage_text(rng, state["rows"]))
    bad, count = BadRows(), 0
    try:
        for tweet in read_tweets(path, bad):
            count += 1
            assert clean(tweet.text + tweet.username) == tweet.text + tweet.username
            assert isinstance(tweet.posted_at, datetime)
            assert tweet.posted_at.tzinfo
            assert 0 <= tweet.like_count < 2**63
            assert 0 < int(tweet.external_id) < 2**63
            if profile := tweet.profile:
                assert 0 < profile.count_parts() <= 7
                assert profile.followers is None or 0 <= profile.followers <= MOST
                assert profile.created_at is None or profile.created_at.tzinfo
    except UsageError:
        return "refused"
    kind = "Parquet" if is_parquet else "text"
    return f"{kind} read" if not bad.by_reason else f"{kind} read in part" if count else f"{kind} unreadable"


def _damage_text(rng: random.Random, all_rows: list[list[dict[str, Any]]]) -> bytes:
    if rng.random() < 0.02:
        return _make_bomb(rng)
    rows = rng.choice(all_rows)
    lines = [json.dumps(row).encode() for row in rows]
    for _ in range(rng.randint(0, 4)):
        lines[rng.randrange(len(lines))] = mutate_json(rng, rng.choice(rows))
    match rng.randrange(4):
        case 0:
            data = b"[" + b",\n".join(lines) + b"]"
        case 1:
            data = _make_csv(rng, rows)
        case _:
            data = b"\n".join(lines) + b"\n"
    if rng.random() < 0.5:
        data = mutate_bytes(rng, data)
    pack = rng.choice((bytes, bytes, gzip.compress, zstandard.compress, _pack_with_checksum))
    packed = pack(data) * rng.choice((1, 1, 1, 2))
    return mutate_bytes(rng, packed, 4) if pack is not bytes and rng.random() < 0.5 else packed


def _make_csv(rng: random.Random, rows: list[dict[str, Any]]) -> bytes:
    columns, delimiter = list(rows[0]), rng.choice(",\t;")
    lines = [delimiter.join(columns)]
    for row in rows:
        values = [row.get(name, "") if rng.random() < 0.95 else rng.choice(VALUES) for name in columns]
        lines.append(delimiter.join('"' + str(value).replace('"', '""') + '"' for value in values))
    return "\n".join(lines).encode(errors="surrogatepass")


def _make_bomb(rng: random.Random) -> bytes:
    piece = rng.choice(
        (b"\0", b"\n", b"[", b'{"a":', b'"', b" ", b'{"likes_count":1}\n', b"id,tweet\n", b'"\n')
    )
    head = rng.choice((b"", b"id,tweet\n", b"[", b'{"likeCount":1}\n', b'{"favorite_count":1}\n'))
    data = head + piece * (rng.choice((1, 40)) * MIB // len(piece))
    return rng.choice((gzip.compress, zstandard.compress, _pack_with_checksum))(data)


def _pack_with_checksum(data: bytes) -> bytes:
    packer = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    return packer.compress(data) + packer.flush()


def _damage_parquet(rng: random.Random, state: dict[str, Any]) -> bytes:
    data: bytes = rng.choice(state["parquet"])
    footer_size = int.from_bytes(data[-8:-4], "little")
    pages, footer = data[: -8 - footer_size], data[-8 - footer_size : -8]
    match rng.randrange(6):
        case 0:
            return mutate_bytes(rng, data, 2)
        case 1 | 2 | 3:
            footer = mutate_thrift(rng, footer)
        case 4:
            pages = mutate_thrift(rng, pages, place=4)
        case _:
            pages, footer = mutate_bytes(rng, pages, 2), mutate_thrift(rng, footer)
    stated = len(footer) if rng.random() < 0.95 else rng.choice((0, 1, 2**31, 2**32 - 1, len(data)))
    return pages + footer + stated.to_bytes(4, "little") + b"PAR1"


def _make_parquet_files(twint: list[dict[str, Any]], *nested: list[dict[str, Any]]) -> Any:
    for rows in ([{**row, "reply_to": None} for row in twint], *nested):
        table = pa.Table.from_pylist(rows * 40)
        for options in (
            {"compression": "snappy"},
            {"compression": "zstd", "data_page_version": "2.0", "row_group_size": 100},
            {"compression": "gzip", "use_dictionary": False, "write_page_index": True},
            {"compression": "none", "data_page_size": 64, "store_schema": False},
            {"compression": "lz4", "use_dictionary": False, "use_byte_stream_split": False},
        ):
            out = io.BytesIO()
            pq.write_table(table, out, **options)
            yield out.getvalue()


def make_snscrape_row(number: int) -> dict[str, Any]:
    return {
        "id": make_snowflake(FIRST_DAY, number),
        "date": "2022-03-01T00:00:00+00:00",
        "user": {
            "id": 7,
            "username": "ada",
            "followersCount": number,
            "friendsCount": 20,
            "statusesCount": 300,
            "favouritesCount": 40,
            "listedCount": 5,
            "verified": False,
            "created": "2017-11-25T19:04:10+00:00",
        },
        "rawContent": f"Tea &lt; coffee {number} https://t.co/x",
        "lang": "en",
        "likeCount": number,
        "retweetCount": 0,
        "replyCount": 0,
        "media": [{"_type": "snscrape.modules.twitter.Photo"}],
        "outlinks": ["https://example.com/1"],
        "quotedTweet": None,
    }


def make_x_page(number: int) -> dict[str, Any]:
    tweet = {
        "id": str(make_snowflake(FIRST_DAY, number)),
        "text": f"Trains {number} https://t.co/x",
        "created_at": "2022-03-01T00:00:00.000Z",
        "author_id": "7",
        "lang": "en",
        "public_metrics": {"like_count": number, "retweet_count": 0, "reply_count": 0},
        "entities": {"urls": [{"url": "https://t.co/x", "expanded_url": "https://x.com/a/status/1/photo/1"}]},
        "attachments": {"media_keys": ["3_1"]},
        "referenced_tweets": [{"type": "quoted", "id": "1"}],
        "note_tweet": {"text": "Long", "entities": {"urls": []}},
    }
    user = {
        "id": "7",
        "username": "ada",
        "created_at": "2017-11-25T19:04:10.000Z",
        "verified": False,
        "public_metrics": {
            "followers_count": number,
            "following_count": 20,
            "tweet_count": 300,
            "like_count": 40,
            "listed_count": 5,
        },
    }
    includes = {"users": [user], "media": [{"media_key": "3_1", "type": "photo"}]}
    return {"data": [tweet], "includes": includes, "meta": {"next_token": "n"}}


def make_v1_row(number: int) -> dict[str, Any]:
    id_ = make_snowflake(FIRST_DAY, number)
    urls = [{"url": "https://t.co/x", "expanded_url": "https://example.com/1"}]
    media = [{"type": "photo", "url": "https://t.co/p"}]
    return {
        "created_at": "Tue Mar 01 00:00:00 +0000 2022",
        "id": id_,
        "id_str": str(id_),
        "text": f"Trains {number}… https://t.co/cut",
        "truncated": True,
        "extended_tweet": {
            "full_text": f"Trains {number} &amp; more https://t.co/x https://t.co/p",
            "entities": {"urls": urls, "media": media},
            "extended_entities": {"media": media},
        },
        "in_reply_to_status_id_str": None,
        "is_quote_status": False,
        "reply_count": 0,
        "retweet_count": 0,
        "favorite_count": number,
        "entities": {"urls": urls},
        "lang": "en",
        "user": {
            "id_str": "7",
            "screen_name": "ada",
            "followers_count": number,
            "friends_count": 20,
            "statuses_count": 300,
            "favourites_count": 40,
            "listed_count": 5,
            "verified": False,
            "created_at": "Sat Nov 25 19:04:10 +0000 2017",
        },
    }
