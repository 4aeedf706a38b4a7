"""Read CSV and TSV with a header as rows."""

from __future__ import annotations

import csv
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Generic, NamedTuple, TypeVar

from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.lines import BYTE_ORDER_MARK, LONGEST_LINE, number_lines, read_line_blocks

Shape = TypeVar("Shape")
NumberedLine = tuple[int, bytes]

# A tweet holds fewer line breaks than this: a CSV record that goes on longer has lost a quote.
MOST_LINES_PER_RECORD = 300
LONGEST_NUMBER = 20  # digits; whatever is longer is out of range already


class Header(NamedTuple, Generic[Shape]):
    """Hold a table's first line, and whose rows it stands for."""

    columns: list[str]
    delimiter: str
    shape: Shape


def find_header(head: bytes, recognise: Callable[[list[str]], Shape | None]) -> Header[Shape] | None:
    """Find the header, if the file's first line is one of a table of tweets."""
    line = head.removeprefix(BYTE_ORDER_MARK).partition(b"\n")[0]
    text = line.decode(errors="replace").strip()
    for delimiter in ",\t;":
        try:
            columns = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
        except csv.Error:  # a field too long: no header
            return None
        if shape := recognise(columns):
            return Header(columns, delimiter, shape)
    return None


def read_table_rows(path: Path, table: Header[Any], bad: BadRows) -> Iterator[tuple[int, dict[str, Any]]]:
    """Join the lines of each record until its quotes pair up; after a broken one, go on at its second line."""
    csv.field_size_limit(LONGEST_LINE)
    lines = number_lines(read_line_blocks(path, bad))
    next(lines, None)
    again: deque[NumberedLine] = deque()
    record: list[NumberedLine] = []
    open_quote = False
    while True:
        line = again.popleft() if again else next(lines, None)
        if line is not None:
            if not record and not line[1].strip():
                continue
            record.append(line)
            open_quote ^= line[1].count(b'"') % 2 == 1
            if open_quote and len(record) <= MOST_LINES_PER_RECORD:
                continue
        if not record:
            return
        try:
            fields = _split_fields(b"".join(part for _, part in record), table)
            yield record[0][0], _parse_value(table.columns, fields)
        except BadRow as error:
            bad.add(path, record[0][0], str(error))
            again.extendleft(reversed(record[1:]))
        record, open_quote = [], False


def _split_fields(record: bytes, table: Header[Any]) -> list[str]:
    if b"\0" in record:
        raise BadRow("NUL byte")
    try:
        fields = next(csv.reader([record.decode()], delimiter=table.delimiter, strict=True))
    except UnicodeDecodeError as error:
        raise BadRow("invalid UTF-8") from error
    except (csv.Error, StopIteration) as error:
        raise BadRow("broken CSV") from error
    if len(fields) != len(table.columns):
        raise BadRow("another number of columns than the header")
    return fields


def _parse_value(columns: list[str], fields: list[str]) -> dict[str, Any]:
    """Turn what reads as a count into one: CSV has no types."""
    row: dict[str, Any] = dict(zip(columns, fields, strict=True))
    for name in columns:
        value = row[name]
        if (
            name.lower().endswith("count")
            and isinstance(value, str)
            and value.isascii()
            and value.isdecimal()
        ):
            row[name] = int(value[:LONGEST_NUMBER])
    return row
