"""Cut blocks of bytes into blocks of whole lines that know their numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from viral_common.archive.bad_rows import BadRows
from viral_common.archive.decompress import DamagedFile, read_blocks

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_LINE = (
    4 * 1024 * 1024
)  # bytes; a tweet with all its fields takes about 1,500, a page of the API 1 million


class Lines(NamedTuple):
    """Hold some consecutive lines with their ends; the file's last may lack it."""

    first: int
    """The number of the first one, from 1."""
    data: bytes


def read_line_blocks(path: Path, bad: BadRows) -> Iterator[Lines]:
    """Read the file's lines, but those too long; where the file is damaged the lines before it are still good."""
    number = 1
    rest = b""
    too_long = False
    with closing(read_blocks(path)) as blocks:
        try:
            for block in blocks:
                end = block.rfind(b"\n") + 1
                if not end:
                    rest = b"" if too_long else rest + block
                    if len(rest) > LONGEST_LINE:
                        rest, too_long = b"", True
                    continue
                first_end = block.find(b"\n") + 1
                if too_long or len(rest) + first_end > LONGEST_LINE:
                    bad.add(path, number, f"line longer than {LONGEST_LINE >> 20} MiB")
                    number, data, too_long = number + 1, block[first_end:end], False
                else:
                    data = rest + block[:end]
                rest = block[end:]
                if data:
                    yield Lines(number, _strip_mark(data) if number == 1 else data)
                    number += data.count(b"\n")
        except DamagedFile as error:
            bad.add(path, number, str(error))
            return  # and what is left is half a line, which the damage cut
    if too_long:
        bad.add(path, number, f"line longer than {LONGEST_LINE >> 20} MiB")
    elif rest:
        yield Lines(number, _strip_mark(rest) if number == 1 else rest)


def number_lines(blocks: Iterator[Lines]) -> Iterator[tuple[int, bytes]]:
    """Give each line its number."""
    for first, data in blocks:
        yield from enumerate(data.splitlines(keepends=True) if b"\r" not in data else _split(data), first)


def _split(data: bytes) -> list[bytes]:
    """Split at line feeds only: a lone carriage return ends no line."""
    lines = [line + b"\n" for line in data.split(b"\n")]
    last = lines.pop()[:-1]
    return [*lines, last] if last else lines


def _strip_mark(data: bytes) -> bytes:
    return data.removeprefix(BYTE_ORDER_MARK)
