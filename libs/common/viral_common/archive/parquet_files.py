"""Read Parquet as rows by pyarrow, some hundred at a time, in a process bounded in memory and time.

A page is unpacked at once, to what its own head says, and a list is as long as the file says: no look at the footer
bounds that, for a footer may lie.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from viral_common.archive.bad_rows import BadRows
from viral_common.errors import UsageError

Shape = TypeVar("Shape")
MAGIC = b"PAR1"
ROWS_AT_ONCE = 500
BUFFER = 1 << 20  # bytes a column, instead of the column of a whole row group
# A column may be one page, which is unpacked at once. Text packs ten to one, and columns of equal values are not
# written out, so only a file made to fill the memory holds more than this of columns that pack so well.
MOST_DENSE_BYTES = 1 << 26
DENSE = 100
TOO_DENSE = (
    f"Parquet row group with columns that unpack over {DENSE} times as large, to more than "
    f"{MOST_DENSE_BYTES >> 20} MiB; write it again with smaller row groups"
)
# Of the process that reads, its libraries included: these take a third of it.
MEMORY_BYTES = 1 << 30
TOO_LARGE = (
    f"Parquet file takes more than {MEMORY_BYTES >> 30} GiB of memory to read; write it with smaller pages"
)
DAMAGED = "Parquet file is damaged from here on"
# Of processor for some hundred rows, which take milliseconds.
CPU_S = 10
LONGEST_FRAME = 1 << 28
# All that the process needs of this one's environment, which may hold passwords.
_ENVIRONMENT = ("PATH", "PYTHONPATH", "LANG", "VIRTUAL_ENV")


def read_parquet_rows(
    path: Path, recognise: Callable[[list[str]], Shape | None], bad: BadRows
) -> Iterator[tuple[Shape, int, dict[str, Any]]]:
    """Read each row with its number, from 1. Raises UsageError without pyarrow."""
    if find_spec("pyarrow") is None:
        raise UsageError(f"{path} is Parquet, for which pip install 'viral-tweets[parquet]' is needed")
    number, shape = 1, None
    with closing(_read_frames(path)) as frames:
        for frame in frames:
            if isinstance(frame, str):
                bad.add(path, number, frame)
            elif shape is not None:
                for row in frame:
                    yield shape, number, row
                    number += 1
            elif (shape := recognise(frame)) is None:
                bad.add(path, 1, "a table without columns of tweets")
                return


def _read_frames(path: Path) -> Generator[Any, None, None]:
    """Read the columns' names, then lists of rows, and a reason in words where the file ends early."""
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    with subprocess.Popen(
        [sys.executable, "-P", "-m", __name__, str(path)],
        # Arrow's own allocators reserve far more addresses than they use.
        env={**environment, "ARROW_DEFAULT_MEMORY_POOL": "system"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as reader:
        try:
            while head := reader.stdout.read(4):  # type: ignore[union-attr]
                size = int.from_bytes(head, "little")
                frame = reader.stdout.read(size) if size <= LONGEST_FRAME else b""  # type: ignore[union-attr]
                if len(frame) < size:
                    break
                yield msgspec.msgpack.decode(frame)
            else:
                reader.wait()
        finally:
            reader.kill()
    if reader.returncode:
        yield f"Parquet file breaks its reader from here on (status {reader.returncode})"


def main(path: str) -> None:
    """Write frames to standard output, each with its length before it, within bounds."""
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    signal.setitimer(signal.ITIMER_PROF, CPU_S)
    import pyarrow

    try:
        for frame in _make_frames(path):
            _write_frame(frame)
            signal.setitimer(signal.ITIMER_PROF, CPU_S)
    except MemoryError:
        _write_frame(TOO_LARGE)
    except (pyarrow.ArrowException, OSError, ValueError, OverflowError):
        _write_frame(DAMAGED)


def _write_frame(frame: list[Any] | str) -> None:
    packed = msgspec.msgpack.encode(frame, enc_hook=str)
    sys.stdout.buffer.write(len(packed).to_bytes(4, "little") + packed)
    sys.stdout.buffer.flush()


def _make_frames(path: str) -> Iterator[list[Any] | str]:
    from pyarrow.parquet import ParquetFile

    with ParquetFile(path) as file:
        leaves = map(file.schema.column, range(len(file.schema)))
        # Of nested ones Arrow cannot join two row groups.
        texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY" and "." not in leaf.path]
    # A text that many rows share is read once, for however long it is a row takes four bytes.
    with ParquetFile(path, buffer_size=BUFFER, pre_buffer=False, read_dictionary=texts) as file:
        yield list(file.schema_arrow.names)
        groups = map(file.metadata.row_group, range(file.num_row_groups))
        if max(map(_count_dense_bytes, groups), default=0) > MOST_DENSE_BYTES:
            yield TOO_DENSE
            return
        for batch in file.iter_batches(ROWS_AT_ONCE, use_threads=False):
            yield from _read_batch(batch)


def _read_batch(batch: Any) -> Iterator[list[dict[str, Any]]]:
    """Read a batch's rows, of long texts few at once."""
    longest = sum(map(_find_longest, batch.columns))
    step = max(1, min(ROWS_AT_ONCE, MOST_DENSE_BYTES // max(1, longest)))
    for start in range(0, batch.num_rows, step):
        columns = [_decode(column) for column in batch.slice(start, step).columns]
        rows = type(batch).from_arrays(columns, names=batch.schema.names).to_pylist()
        yield [_restore_counts(row) for row in rows]


def _decode(column: Any) -> Any:
    """Write out what rows share, of whole columns quicker than of each value; a time without a zone is UTC."""
    import pyarrow

    if pyarrow.types.is_timestamp(column.type):
        return column.cast(pyarrow.timestamp("us", "UTC"), safe=False)
    return column.dictionary_decode() if hasattr(column, "dictionary_decode") else column


def _find_longest(column: Any) -> int:
    """Find how many bytes the texts of a row take at most."""
    import pyarrow.compute

    if not pyarrow.types.is_dictionary(column.type):
        return 0
    return pyarrow.compute.max(pyarrow.compute.binary_length(column.dictionary)).as_py() or 0


def _count_dense_bytes(group: Any) -> int:
    """Count the bytes of a row group's columns that are packed more than DENSE to one, unpacked."""
    columns = [group.column(number) for number in range(group.num_columns)]
    return sum(
        column.total_uncompressed_size
        for column in columns
        if column.total_uncompressed_size > DENSE * column.total_compressed_size
    )


def _restore_counts(row: dict[str, Any]) -> dict[str, Any]:
    """Restore counts that pandas made floats because one of them was missing."""
    for name, value in row.items():
        if isinstance(value, float) and name.lower().endswith("count") and value.is_integer():
            row[name] = int(value)
    return row


if __name__ == "__main__":
    main(*sys.argv[1:])
