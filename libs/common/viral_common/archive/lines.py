"""Files as numbered lines: plain or gzip whatever their name, damaged or not, never whole in memory."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, cast

from viral_common.archive.bad_rows import BadRows
from viral_common.errors import UsageError

GZIP_MAGIC = b"\x1f\x8b"
BYTE_ORDER_MARK = b"\xef\xbb\xbf"
LONGEST_LINE = 4 * 1024 * 1024  # bytes; a tweet with all its fields takes about 1,500

NumberedLine = tuple[int, bytes]


def numbered_lines(path: Path, bad: BadRows) -> Iterator[NumberedLine]:
    """Each line with its number, from 1. Where the file is damaged the lines before it are still good."""
    number = 0
    try:
        with _opened(path) as stream:
            while line := stream.readline(LONGEST_LINE):
                number += 1
                if len(line) == LONGEST_LINE and not line.endswith(b"\n"):
                    bad.add(path, number, "line longer than 4 MiB")
                    _skip_rest_of_line(stream)
                elif number == 1:
                    yield number, line.removeprefix(BYTE_ORDER_MARK)
                else:
                    yield number, line
    except (EOFError, zlib.error, gzip.BadGzipFile):
        bad.add(path, number + 1, "gzip file ends early or is damaged from here on")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def _opened(path: Path) -> BinaryIO:
    with path.open("rb") as stream:
        packed = stream.read(2) == GZIP_MAGIC
    return cast(BinaryIO, gzip.open(path, "rb")) if packed else path.open("rb")


def _skip_rest_of_line(stream: BinaryIO) -> None:
    while (piece := stream.readline(LONGEST_LINE)) and not piece.endswith(b"\n"):
        pass
