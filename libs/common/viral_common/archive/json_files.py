"""Read JSON as rows: one object a line, or objects spread over lines and lists."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from viral_common.archive.bad_rows import BadRow, BadRows
from viral_common.archive.decompress import DamagedFile, read_blocks
from viral_common.archive.lines import Lines, number_lines, read_line_blocks

LONGEST_OBJECT = (
    16 * 1024 * 1024
)  # bytes; a page of 500 tweets with all that the API includes takes about 4 million
# A whole string, the beginning of one that goes on in the next block, or what opens or closes an object.
_TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*+"|["{}]', re.DOTALL)
_BETWEEN_OBJECTS = b" \t\r\n,[]"

NumberedRow = tuple[int, Any]


def read_json_lines(path: Path, row_type: Any, bad: BadRows) -> Iterator[NumberedRow]:
    """Read each line's object with its number."""
    decoder = msgspec.json.Decoder(row_type)
    for lines in read_line_blocks(path, bad):
        try:
            rows = decoder.decode_lines(lines.data)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            rows = []
        # Blank lines give no row: then the numbers would not fit.
        if len(rows) == lines.data.count(b"\n") and rows:
            yield from enumerate(rows, lines.first)
        else:
            yield from _read_line_by_line(path, lines, decoder, bad)


def read_json_documents(path: Path, row_type: Any, bad: BadRows) -> Iterator[NumberedRow]:
    """Read each outermost object, whether in a list or not, with the number of the line on which it begins."""
    decoder = msgspec.json.Decoder(row_type)
    for number, data in _read_objects(path, bad):
        try:
            yield number, _read_row(data, decoder)
        except BadRow as error:
            bad.add(path, number, str(error))


def _read_line_by_line(
    path: Path, lines: Lines, decoder: msgspec.json.Decoder[Any], bad: BadRows
) -> Iterator[NumberedRow]:
    for number, line in number_lines(iter([lines])):
        if not line.strip():
            continue
        try:
            row = _read_row(line, decoder)
        except BadRow as error:
            bad.add(path, number, str(error))
        else:
            yield number, row


def _read_row(data: bytes, decoder: msgspec.json.Decoder[Any]) -> Any:
    """Read leniently what only the strict decoder refuses, such as half an emoji; or say what is wrong."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        pass
    if b"\0" in data:
        raise BadRow("NUL byte")
    try:
        row = json.loads(data)
    except UnicodeDecodeError as error:
        raise BadRow("invalid UTF-8") from error
    except (ValueError, RecursionError) as error:
        raise BadRow("broken JSON") from error
    if not isinstance(row, dict):
        raise BadRow("not a JSON object")
    return convert_row(row, decoder.type)


def convert_row(row: dict[str, Any], row_type: Any) -> Any:
    """Convert a row that something else than a decoder of `row_type` has read. Raises BadRow where it does not fit."""
    try:
        return msgspec.convert(row, row_type)
    except msgspec.ValidationError as error:
        # Of the types that are asked for all are objects: "Expected `object | null`, got `str` - at `$.user`".
        raise BadRow(f"{str(error).partition('$.')[2].rstrip('`')} is no object") from error


def _read_objects(path: Path, bad: BadRows) -> Iterator[tuple[int, bytes]]:
    """Cut at the outermost braces outside strings."""
    data = b""
    line, place, begin, depth = 1, 0, 0, 0  # `begin`: of the object being read, or of what is between two
    with closing(read_blocks(path)) as blocks:
        try:
            for block in blocks:
                data += block
                for token in _TOKEN.finditer(data, place):
                    sign = token[0]
                    if sign == b'"':
                        break
                    place = token.end()
                    if sign == b"{":
                        if not depth:
                            line = _skip_between(path, line, data[begin : token.start()], bad)
                            begin = token.start()
                        depth += 1
                    elif sign == b"}" and depth:
                        depth -= 1
                        if not depth:
                            yield line, data[begin:place]
                            line += data.count(b"\n", begin, place)
                            begin = place
                else:
                    place = len(data)
                data, place, begin = data[begin:], place - begin, 0
                if len(data) > LONGEST_OBJECT:
                    bad.add(
                        path,
                        line,
                        f"JSON object longer than {LONGEST_OBJECT >> 20} MiB; the rest is not read",
                    )
                    return
        except DamagedFile as error:
            bad.add(path, line + data.count(b"\n"), str(error))
            return
    if depth:
        bad.add(path, line, "JSON document ends early")
    else:
        _skip_between(path, line, data, bad)


def _skip_between(path: Path, line: int, data: bytes, bad: BadRows) -> int:
    """Count the lines to the one after `data`, in which nothing but commas and brackets should stand."""
    if data.strip(_BETWEEN_OBJECTS):
        bad.add(path, line, "broken JSON")
    return line + data.count(b"\n")
