"""Read a file's rows, whichever container holds them and whoever wrote them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.csv_files import find_header, read_table_rows
from viral_common.archive.decompress import read_head
from viral_common.archive.formats import TWINT, Shape, convert_row, shape_of_columns, shape_of_json
from viral_common.archive.json_files import NumberedRow, read_json_documents, read_json_lines
from viral_common.archive.lines import BYTE_ORDER_MARK
from viral_common.archive.parquet_files import MAGIC, read_parquet_rows

HEAD = 1 << 18  # bytes that a format is recognised by

ShapedRow = tuple[Shape, int, Any]


def read_rows(path: Path, bad: BadRows) -> Iterator[ShapedRow]:
    """Read each usable row with the number of its first line, and what it is a row of."""
    head = read_head(path, HEAD)
    if head.startswith(MAGIC):
        for shape, number, row in read_parquet_rows(path, bad):
            yield from _read_pages(path, shape, iter([(number, convert_row(row, shape))]), bad)
    elif header := find_header(head):
        shape = shape_of_columns(header.columns) or TWINT
        for number, row in read_table_rows(path, header, bad):
            yield shape, number, convert_row(row, shape)
    else:
        yield from _read_json_rows(path, head, bad)


def _read_json_rows(path: Path, head: bytes, bad: BadRows) -> Iterator[ShapedRow]:
    if not head:
        # Nothing, or nothing that could be unpacked: the reader below says which.
        before = bad.by_reason.total()
        yield from _read_pages(path, TWINT, read_json_lines(path, TWINT, bad), bad)
        if bad.by_reason.total() == before:
            bad.add(path, 1, "empty file")
        return
    shape = shape_of_json(head)
    first_line = head.removeprefix(BYTE_ORDER_MARK).lstrip().partition(b"\n")[0].strip()
    rows = read_json_documents if first_line.startswith(b"[") or first_line == b"{" else read_json_lines
    yield from _read_pages(path, shape, rows(path, shape, bad), bad)


def _read_pages(path: Path, shape: Shape, rows: Iterator[NumberedRow], bad: BadRows) -> Iterator[ShapedRow]:
    """Read the rows themselves, or what is in them where they may be pages."""
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
