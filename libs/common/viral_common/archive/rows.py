"""Numbered lines as rows of named fields: JSON lines, or CSV with a header."""

from __future__ import annotations

import csv
import itertools
import json
from collections import deque
from collections.abc import Iterator, Mapping
from pathlib import Path

import orjson

from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.lines import LONGEST_LINE, NumberedLine, numbered_lines

Row = Mapping[str, object]

CSV_COLUMNS = {"id", "tweet"}
# A tweet holds fewer line breaks than this: a CSV record that goes on longer has lost a quote.
MOST_LINES_PER_RECORD = 300
LONGEST_NUMBER = 20  # digits; whatever is longer is out of range already


def rows_of(path: Path, bad: BadRows) -> Iterator[tuple[int, Row]]:
    """Each readable row with the number of its first line; the format is told by the first line, not by the name."""
    lines = numbered_lines(path, bad)
    first = next(lines, None)
    if first is None:
        bad.add(path, 1, "empty file")
        return
    if header := _csv_header(first[1]):
        yield from _csv_rows(path, lines, *header, bad)
    else:
        yield from _json_rows(path, itertools.chain([first], lines), bad)


def _json_rows(path: Path, lines: Iterator[NumberedLine], bad: BadRows) -> Iterator[tuple[int, Row]]:
    for number, line in lines:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            if not line.strip():
                continue
            try:
                row = _json_read_leniently(line)
            except BadRow as error:
                bad.add(path, number, str(error))
                continue
        if isinstance(row, dict):
            yield number, row
        else:
            bad.add(path, number, "not a JSON object")


def _json_read_leniently(line: bytes) -> object:
    """Read what only the strict parser refuses, such as half an emoji; or say what is wrong."""
    if b"\0" in line:
        raise BadRow("NUL byte")
    try:
        return json.loads(line)
    except UnicodeDecodeError as error:
        raise BadRow("invalid UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadRow("broken JSON") from error


def _csv_header(line: bytes) -> tuple[list[str], str] | None:
    """Column names and delimiter, if this line is a header."""
    text = line.decode(errors="replace").strip()
    for delimiter in ",\t":
        columns = [name.strip() for name in next(csv.reader([text], delimiter=delimiter), [])]
        if set(columns) >= CSV_COLUMNS:
            return columns, delimiter
    return None


def _csv_rows(
    path: Path, lines: Iterator[NumberedLine], columns: list[str], delimiter: str, bad: BadRows
) -> Iterator[tuple[int, Row]]:
    """Join the lines of each record until its quotes pair up; after a broken one, go on at its second line."""
    csv.field_size_limit(LONGEST_LINE)
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
            fields = _csv_fields(b"".join(part for _, part in record), len(columns), delimiter)
            yield record[0][0], _typed(columns, fields)
        except BadRow as error:
            bad.add(path, record[0][0], str(error))
            again.extendleft(reversed(record[1:]))
        record, open_quote = [], False


def _csv_fields(record: bytes, count: int, delimiter: str) -> list[str]:
    if b"\0" in record:
        raise BadRow("NUL byte")
    try:
        fields = next(csv.reader([record.decode()], delimiter=delimiter, strict=True))
    except UnicodeDecodeError as error:
        raise BadRow("invalid UTF-8") from error
    except (csv.Error, StopIteration) as error:
        raise BadRow("broken CSV") from error
    if len(fields) != count:
        raise BadRow("another number of columns than the header")
    return fields


def _typed(columns: list[str], fields: list[str]) -> dict[str, object]:
    """CSV has no types: what reads as a count becomes one."""
    row: dict[str, object] = dict(zip(columns, fields, strict=True))
    for name in columns:
        value = row[name]
        if name.endswith("_count") and isinstance(value, str) and value.isascii() and value.isdecimal():
            row[name] = int(value[:LONGEST_NUMBER])
    return row
