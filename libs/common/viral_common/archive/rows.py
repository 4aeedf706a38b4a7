"""A file's rows, whichever container holds them and whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.csv_files import header_in, rows_of_table
from viral_common.archive.decompress import head_of
from viral_common.archive.formats import TWINT, Shape, converted, shape_of_columns, shape_of_json
from viral_common.archive.json_files import NumberedRow, rows_in_documents, rows_on_lines
from viral_common.archive.lines import BYTE_ORDER_MARK
from viral_common.archive.parquet_files import MAGIC, rows_of_parquet

HEAD = 1 << 18  # bytes by which a format is told

ShapedRow = tuple[Shape, int, Any]


def rows_of(path: Path, bad: BadRows) -> Iterator[ShapedRow]:
    """Each readable row with the number of its first line, and what it is a row of."""
    head = head_of(path, HEAD)
    if head.startswith(MAGIC):
        for shape, number, row in rows_of_parquet(path, bad):
            yield from _pages(path, shape, iter([(number, converted(row, shape))]), bad)
    elif header := header_in(head):
        shape = shape_of_columns(header.columns) or TWINT
        for number, row in rows_of_table(path, header, bad):
            yield shape, number, converted(row, shape)
    else:
        yield from _json_rows(path, head, bad)


def _json_rows(path: Path, head: bytes, bad: BadRows) -> Iterator[ShapedRow]:
    if not head:
        # Nothing, or nothing that could be unpacked: the reader below says which.
        before = bad.by_reason.total()
        yield from _pages(path, TWINT, rows_on_lines(path, TWINT, bad), bad)
        if bad.by_reason.total() == before:
            bad.add(path, 1, "empty file")
        return
    shape = shape_of_json(head)
    first_line = head.removeprefix(BYTE_ORDER_MARK).lstrip().partition(b"\n")[0].strip()
    rows = rows_in_documents if first_line.startswith(b"[") or first_line == b"{" else rows_on_lines
    yield from _pages(path, shape, rows(path, shape, bad), bad)


def _pages(path: Path, shape: Shape, rows: Iterator[NumberedRow], bad: BadRows) -> Iterator[ShapedRow]:
    """The rows themselves, or what is in them where they may be pages."""
    if shape.rows_in is None:
        for number, row in rows:
            yield shape, number, row
        return
    for number, page in rows:
        try:
            for row in shape.rows_in(page):
                yield shape, number, row
        except BadRow as error:
            bad.add(path, number, str(error))
