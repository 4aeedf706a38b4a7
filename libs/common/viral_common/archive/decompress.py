"""Read files as blocks of bytes: plain, gzip or Zstandard whatever their name, never whole in memory."""

from __future__ import annotations

import queue
import threading
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Protocol

import zstandard
from isal import isal_zlib

from viral_common.errors import UsageError

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
PACKED_AT_ONCE = 1 << 15  # bytes; text becomes five to ten times as large, and may become a thousand times
PLAIN_AT_ONCE = 1 << 19
# By its own name, which its type stubs leave out.
IsalError: type[Exception] = isal_zlib.error  # type: ignore[assignment]
AHEAD = 4  # blocks unpacked while the ones before them are worked on


class DamagedFile(Exception):
    """Say that a packed file ends early or cannot be unpacked from here on; what came before it is good."""


class _Unpacker(Protocol):
    """Unpack one member of a gzip file or one frame of a Zstandard file."""

    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


def read_blocks(path: Path) -> Generator[bytes, None, None]:
    """Unpack the file in order; a thread unpacks ahead. Raises DamagedFile, and UsageError if it cannot be read."""
    waiting: queue.Queue[bytes | Exception | None] = queue.Queue(AHEAD)
    closed = threading.Event()
    thread = threading.Thread(
        target=_unpack_ahead, args=(path, waiting, closed), name="unpacking", daemon=True
    )
    thread.start()
    try:
        while (block := waiting.get()) is not None:
            if isinstance(block, Exception):
                raise block
            yield block
    finally:
        closed.set()
        while thread.is_alive():
            _empty(waiting)
            thread.join(0.01)


def read_head(path: Path, size: int) -> bytes:
    """Read the first bytes, unpacked; fewer if the file is damaged."""
    head = b""
    try:
        with closing(_unpack_blocks(path)) as blocks:
            for block in blocks:
                head += block
                if len(head) >= size:
                    break
    except DamagedFile:
        pass
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    return head[:size]


def _unpack_ahead(
    path: Path, waiting: queue.Queue[bytes | Exception | None], closed: threading.Event
) -> None:
    last: Exception | None = None
    try:
        with closing(_unpack_blocks(path)) as blocks:
            for block in blocks:
                waiting.put(block)
                if closed.is_set():
                    return
    except DamagedFile as error:
        last = error
    except OSError as error:
        last = UsageError(f"cannot read {path}: {error.strerror or error}")
    except Exception as error:  # noqa: BLE001  (the thread's edge: handed over, and raised there)
        last = error
    waiting.put(last)


def _empty(waiting: queue.Queue[bytes | Exception | None]) -> None:
    while not waiting.empty():
        waiting.get_nowait()


def _unpack_blocks(path: Path) -> Generator[bytes, None, None]:
    with path.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if magic.startswith(GZIP_MAGIC):
            yield from _unpack_members(file, "gzip")
        elif magic == ZSTD_MAGIC:
            yield from _unpack_members(file, "Zstandard")
        else:
            while block := file.read(PLAIN_AT_ONCE):
                yield block


def _unpack_members(file: BinaryIO, kind: str) -> Iterator[bytes]:
    """Unpack a file of several members, one after the other; zeros may fill it up at the end."""
    unpacker = _choose_unpacker(kind)
    begun = False
    while data := file.read(PACKED_AT_ONCE):
        while data:
            if not begun and not (data := data.lstrip(b"\0")):
                break
            begun = True
            try:
                block = unpacker.decompress(data)
            except (IsalError, zstandard.ZstdError) as error:
                raise DamagedFile(f"{kind} file is damaged from here on") from error
            if block:
                yield block
            data = b""
            if unpacker.eof:
                data, unpacker, begun = unpacker.unused_data, _choose_unpacker(kind), False
    if begun:
        raise DamagedFile(f"{kind} file ends early")


def _choose_unpacker(kind: str) -> _Unpacker:
    if kind == "gzip":
        return isal_zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor().decompressobj()
