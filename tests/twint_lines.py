"""Twint's lines as a test wants them."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

SNOWFLAKE_EPOCH_MS = 1_288_834_974_657
FIRST_DAY = datetime(2022, 3, 1, tzinfo=UTC)


def snowflake(at: datetime, number: int = 0) -> int:
    """An id that says `at`; `number` (under 4 million) tells tweets of one millisecond apart."""
    return ((round(at.timestamp() * 1000) - SNOWFLAKE_EPOCH_MS) << 22) + number


def twint_row(at: datetime = FIRST_DAY, number: int = 0, **fields: Any) -> dict[str, Any]:
    """An English original by one of ten authors, unless `fields` say otherwise."""
    external_id = fields.get("id", snowflake(at, number))
    return {
        "id": external_id,
        "conversation_id": str(external_id),
        "created_at": f"{at:%Y-%m-%d %H:%M:%S} UTC",
        "timezone": "+0000",
        "user_id": 1000 + number % 10,
        "username": f"author{number % 10}",
        "tweet": f"Something new about subject {number}",
        "language": "en",
        "mentions": [],
        "urls": [],
        "photos": [],
        "replies_count": 0,
        "retweets_count": 0,
        "likes_count": number % 3,
        "hashtags": [],
        "retweet": False,
        "quote_url": "",
        "video": 0,
        "reply_to": [],
        **fields,
    }


def some_days(days: int, per_day: int, **fields: Any) -> list[dict[str, Any]]:
    """`per_day` different tweets on each of `days` days, evenly spread."""
    return [
        twint_row(FIRST_DAY + timedelta(days=(number + 0.5) / per_day), number, **fields)
        for number in range(days * per_day)
    ]


def write_lines(path: Path, rows: Iterable[Mapping[str, Any] | bytes]) -> Path:
    """JSON lines, packed if the name says so; bytes go in as they are."""
    data = b"".join(
        row if isinstance(row, bytes) else json.dumps(row, ensure_ascii=False).encode() + b"\n"
        for row in rows
    )
    path.write_bytes(gzip.compress(data, 1) if path.suffix == ".gz" else data)
    return path
