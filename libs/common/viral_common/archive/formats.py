"""Find out who wrote a file's rows, by the first field that only they have; and how their rows become tweets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec

from viral_common.archive import snscrape, twint, x_api
from viral_common.tweets.tweet import RawTweet

_TELLING = re.compile(rb'"(likes_count|likeCount|public_metrics|author_id|edit_history_tweet_ids)"\s*:')


@dataclass(frozen=True)
class Shape:
    """Describe one tool's rows. What is found unusable raises BadRow."""

    tweet_of: Callable[[Any], RawTweet]
    rows_in: Callable[[Any], Iterable[Any]] | None = None
    """For rows that may be whole pages."""
    row_type: Any = dict[str, Any]


TWINT = Shape(twint.read_twint_tweet, row_type=twint.TwintRow)
SNSCRAPE = Shape(snscrape.read_snscrape_tweet)
X_API = Shape(x_api.read_x_tweet, x_api.read_page_rows)


def shape_of_json(head: bytes) -> Shape:
    """Recognise it by the first bytes of a file of JSON; Twint's if nothing else fits."""
    telling = _TELLING.search(head)
    return TWINT if telling is None else _shape_with(telling[1].decode())


def shape_of_columns(columns: Iterable[str]) -> Shape | None:
    """Recognise it by the names of a table's columns; None for a table of something else."""
    names = set(columns)
    if names >= {"id", "tweet"}:
        return TWINT
    return next((_shape_with(name) for name in ("likeCount", "public_metrics") if name in names), None)


def _shape_with(field: str) -> Shape:
    return {"likes_count": TWINT, "likeCount": SNSCRAPE}.get(field, X_API)


def convert_row(row: dict[str, Any], shape: Shape) -> Any:
    """Convert a row read by something else than the shape's own decoder."""
    return msgspec.convert(row, shape.row_type)
