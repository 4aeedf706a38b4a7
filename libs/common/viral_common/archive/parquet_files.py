"""Read Parquet as rows by pyarrow, some hundred at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

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


def read_parquet_rows(
    path: Path, recognise: Callable[[list[str]], Shape | None], bad: BadRows
) -> Iterator[tuple[Shape, int, dict[str, Any]]]:
    """Read each row with its number, from 1. Raises UsageError without pyarrow."""
    try:
        import pyarrow
        from pyarrow.parquet import ParquetFile
    except ModuleNotFoundError as error:
        raise UsageError(
            f"{path} is Parquet, for which pip install 'viral-tweets[parquet]' is needed"
        ) from error
    number = 1
    try:
        with ParquetFile(path) as file:
            leaves = map(file.schema.column, range(len(file.schema)))
            texts = [leaf.path for leaf in leaves if leaf.physical_type == "BYTE_ARRAY"]
        # A text that many rows share is read once, for however long it is a row takes four bytes.
        with ParquetFile(path, buffer_size=BUFFER, pre_buffer=False, read_dictionary=texts) as file:
            if (shape := recognise(file.schema_arrow.names)) is None:
                bad.add(path, 1, "a table without columns of tweets")
                return
            groups = map(file.metadata.row_group, range(file.num_row_groups))
            if max(map(_count_dense_bytes, groups), default=0) > MOST_DENSE_BYTES:
                bad.add(path, 1, TOO_DENSE)
                return
            for batch in file.iter_batches(ROWS_AT_ONCE, use_threads=False):
                for row in _read_batch(batch):
                    yield shape, number, _restore_counts(row)
                    number += 1
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError, ValueError, OverflowError):
        bad.add(path, number, "Parquet file is damaged from here on")


def _read_batch(batch: Any) -> Iterator[dict[str, Any]]:
    """Read a batch's rows, of long texts few at once."""
    longest = sum(map(_find_longest, batch.columns))
    step = max(1, min(ROWS_AT_ONCE, MOST_DENSE_BYTES // max(1, longest)))
    for start in range(0, batch.num_rows, step):
        columns = [_decode(column) for column in batch.slice(start, step).columns]
        yield from type(batch).from_arrays(columns, names=batch.schema.names).to_pylist()


def _decode(column: Any) -> Any:
    """Write out what rows share: of whole columns it is quicker than of each value."""
    return column.dictionary_decode() if hasattr(column, "dictionary_decode") else column


def _find_longest(column: Any) -> int:
    """Find how many bytes the texts of a row take at most."""
    import pyarrow.compute
    from pyarrow import types

    if types.is_dictionary(column.type):
        return pyarrow.compute.max(pyarrow.compute.binary_length(column.dictionary)).as_py() or 0
    if types.is_struct(column.type):
        return sum(map(_find_longest, column.flatten()))
    if types.is_list(column.type):
        most = pyarrow.compute.max(pyarrow.compute.list_value_length(column)).as_py() or 0
        return most * _find_longest(column.flatten())
    return 0


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
