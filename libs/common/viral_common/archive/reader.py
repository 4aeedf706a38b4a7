"""Read files of tweets, whatever wrote them: a format is recognised by the content, bad rows are named and left out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from viral_common.archive import snscrape, twint, x_api, x_api_v1
from viral_common.archive.bad_rows import BadRow, BadRows, NoTweets
from viral_common.archive.csv_files import find_header, read_table_rows
from viral_common.archive.decompress import read_head
from viral_common.archive.json_files import NumberedRow, convert_row, read_json_documents, read_json_lines
from viral_common.archive.lines import BYTE_ORDER_MARK
from viral_common.archive.parquet_files import MAGIC, read_parquet_rows
from viral_common.tweets.profile import AuthorProfile
from viral_common.tweets.tweet import RawTweet

HEAD = 1 << 18  # bytes that a format is recognised by
_TELLING = re.compile(
    rb'"(likes_count|likeCount|favorite_count|public_metrics|author_id|edit_history_tweet_ids)"\s*:'
)


@dataclass(frozen=True)
class Shape:
    """Describe one tool's rows. What is found unusable raises BadRow."""

    read_tweet: Callable[[Any], RawTweet]
    split_page: Callable[[Any], Iterable[Any]] | None = None
    """For rows that may be whole pages."""
    row_type: Any = dict[str, Any]
    read_profile: Callable[[Any, Callable[[str], None]], AuthorProfile | None] | None = None
    """Of a row's author, once its tweet is read; None for a tool that wrote none."""

    def convert(self, row: dict[str, Any]) -> Any:
        """Convert a row that something else than a decoder of `row_type` has read. Raises BadRow."""
        return convert_row(row, self.row_type)


TWINT = Shape(twint.read_twint_tweet, row_type=twint.TwintRow)
SNSCRAPE = Shape(
    snscrape.read_snscrape_tweet,
    row_type=snscrape.SnscrapeRow,
    read_profile=snscrape.read_snscrape_profile,
)
X_API = Shape(x_api.read_x_tweet, x_api.read_page_rows, read_profile=x_api.read_x_profile)
X_API_V1 = Shape(x_api_v1.read_v1_tweet, row_type=x_api_v1.V1Row, read_profile=x_api_v1.read_v1_profile)

ShapedRow = tuple[Shape, int, Any]


def read_tweets(path: Path, bad: BadRows) -> Iterator[RawTweet]:
    """Read the file's tweets in its own order. Raises UsageError if it cannot be opened."""
    bad.running = line = 0
    try:
        for shape, line, row in read_rows(path, bad):
            try:
                tweet = shape.read_tweet(row)
            except BadRow as error:
                bad.add(path, line, str(error))
            else:
                bad.running = 0
                if shape.read_profile:
                    tweet.profile = shape.read_profile(row, partial(bad.add_value, path, line))
                yield tweet
    except NoTweets as error:
        bad.add(path, line, str(error))


def read_rows(path: Path, bad: BadRows) -> Iterator[ShapedRow]:
    """Read each usable row with the number of its first line, and what it is a row of."""
    head = read_head(path, HEAD)
    if head.startswith(MAGIC):
        for shape, number, row in read_parquet_rows(path, recognise_columns, bad):
            yield from _read_pages(path, shape, _convert(path, shape, number, row, bad), bad)
    elif header := find_header(head, recognise_columns):
        for number, row in read_table_rows(path, header, bad):
            yield from _read_pages(path, header.shape, _convert(path, header.shape, number, row, bad), bad)
    else:
        yield from _read_json_rows(path, head, bad)


def _convert(
    path: Path, shape: Shape, number: int, row: dict[str, Any], bad: BadRows
) -> Iterator[NumberedRow]:
    """Convert the row if it can be."""
    try:
        yield number, shape.convert(row)
    except BadRow as error:
        bad.add(path, number, str(error))


def _read_json_rows(path: Path, head: bytes, bad: BadRows) -> Iterator[ShapedRow]:
    if not head:
        # Nothing, or nothing that could be unpacked: the reader below says which.
        before = bad.by_reason.total()
        yield from _read_pages(path, TWINT, read_json_lines(path, TWINT.row_type, bad), bad)
        if bad.by_reason.total() == before:
            bad.add(path, 1, "empty file")
        return
    shape = recognise_json(head)
    first_line = head.removeprefix(BYTE_ORDER_MARK).lstrip().partition(b"\n")[0].strip()
    rows = read_json_documents if first_line.startswith(b"[") or first_line == b"{" else read_json_lines
    yield from _read_pages(path, shape, rows(path, shape.row_type, bad), bad)


def _read_pages(path: Path, shape: Shape, rows: Iterator[NumberedRow], bad: BadRows) -> Iterator[ShapedRow]:
    """Read the rows themselves, or what is in them where they may be pages."""
    if shape.split_page is None:
        for number, row in rows:
            yield shape, number, row
        return
    for number, page in rows:
        try:
            for row in shape.split_page(page):
                yield shape, number, row
        except BadRow as error:
            bad.add(path, number, str(error))


def recognise_json(head: bytes) -> Shape:
    """Recognise it by the first bytes of a file of JSON; Twint's if nothing else fits."""
    telling = _TELLING.search(head)
    return TWINT if telling is None else _get_shape_with(telling[1].decode())


def recognise_columns(columns: Iterable[str]) -> Shape | None:
    """Recognise it by the names of a table's columns; None for a table of something else."""
    names = set(columns)
    if names >= {"id", "tweet"}:
        return TWINT
    telling = ("likeCount", "favorite_count", "public_metrics")
    return next((_get_shape_with(name) for name in telling if name in names), None)


def _get_shape_with(field: str) -> Shape:
    return {"likes_count": TWINT, "likeCount": SNSCRAPE, "favorite_count": X_API_V1}.get(field, X_API)
