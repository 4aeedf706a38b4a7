"""Read files as blocks of bytes: plain, gzip or Zstandard whatever their name, never whole in memory."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import BinaryIO

import zstandard
from isal import isal_zlib

from viral_common.errors import UsageError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
ZSTD_SKIPPED = b"\x2a\x4d\x18"  # after a byte of any kind: a frame that holds nothing to unpack
PACKED_AT_ONCE = 1 << 16  # bytes; text becomes five to ten times as large, zeros a thousand times
UNPACKED_AT_ONCE = 1 << 20
PLAIN_AT_ONCE = 1 << 19
RUN = 1  # the kind of a block that is one byte, so many times
# What Zstandard looks back on stays in memory; its own tool writes no larger window unasked.
LARGEST_WINDOW = 1 << 27
# By its own name, which its type stubs leave out.
IsalError: type[Exception] = isal_zlib.error  # type: ignore[assignment]


class DamagedFile(Exception):
    """Say that a packed file ends early or cannot be unpacked from here on; what came before it is good."""


def read_blocks(path: Path) -> Generator[bytes, None, None]:
    """Unpack the file in order. Raises DamagedFile, and UsageError if it cannot be read."""
    try:
        yield from _unpack_blocks(path)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error


def read_head(path: Path, size: int) -> bytes:
    """Read the first bytes, unpacked; fewer if the file is damaged."""
    head = b""
    with suppress(DamagedFile), closing(read_blocks(path)) as blocks:
        for block in blocks:
            head += block
            if len(head) >= size:
                break
    return head[:size]


def _unpack_blocks(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic.startswith(GZIP_MAGIC):
            yield from _unpack_gzip(file)
        elif magic == ZSTD_MAGIC:
            yield from _unpack_zstd(file)
        else:
            while block := file.read(PLAIN_AT_ONCE):
                yield block


def _unpack_gzip(file: BinaryIO) -> Iterator[bytes]:
    """Unpack a file of several members, one after the other; zeros may fill it up at the end."""
    unpacker = isal_zlib.decompressobj(wbits=31)
    begun = False
    while data := file.read(PACKED_AT_ONCE):
        while data or begun:
            if not begun and not (data := data.lstrip(b"\0")):
                break
            begun = True
            try:
                block = unpacker.decompress(data, UNPACKED_AT_ONCE)
            except IsalError as error:
                raise DamagedFile("gzip file is damaged from here on") from error
            if block:
                yield block
            data = unpacker.unconsumed_tail
            if unpacker.eof:
                data, unpacker, begun = unpacker.unused_data, isal_zlib.decompressobj(wbits=31), False
            elif not data and len(block) < UNPACKED_AT_ONCE:
                break
    if begun:
        raise DamagedFile("gzip file ends early")


def _unpack_zstd(file: BinaryIO) -> Iterator[bytes]:
    """Unpack frame by frame, and these block by block: each is 128 KiB at most, however small it is packed."""
    while start := file.read(4):
        if not (start := start.lstrip(b"\0")):
            continue
        start += _read_whole(file, 4 - len(start))
        if start[1:] == ZSTD_SKIPPED:
            file.seek(int.from_bytes(_read_whole(file, 4), "little"), os.SEEK_CUR)
            continue
        if start != ZSTD_MAGIC:
            raise DamagedFile("Zstandard file is damaged from here on")
        try:
            yield from _unpack_frame(file, start)
        except zstandard.ZstdError as error:
            raise DamagedFile("Zstandard file is damaged from here on") from error


def _unpack_frame(file: BinaryIO, start: bytes) -> Iterator[bytes]:
    """Unpack one frame (https://github.com/facebook/zstd/blob/dev/doc/zstd_compression_format.md)."""
    start += _read_whole(file, 1)
    start += _read_whole(file, zstandard.frame_header_size(start) - len(start))
    frame = zstandard.get_frame_parameters(start)
    if frame.window_size > LARGEST_WINDOW:
        raise DamagedFile(
            f"Zstandard window of {frame.window_size >> 20:,} MiB, more than {LARGEST_WINDOW >> 20}; "
            "pack it again with --long=27 at most"
        )
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    unpacker.decompress(start)
    is_last = False
    while not is_last:
        head = _read_whole(file, 3)
        numbers = int.from_bytes(head, "little")
        is_last, kind, size = bool(numbers & 1), numbers >> 1 & 3, numbers >> 3
        packed = head + _read_whole(file, 1 if kind == RUN else size)
        if is_last and frame.has_checksum:
            packed += _read_whole(file, 4)
        if block := unpacker.decompress(packed):
            yield block


def _read_whole(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise DamagedFile("Zstandard file ends early")
    return data
