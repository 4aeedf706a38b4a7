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
        with ParquetFile(path, buffer_size=BUFFER, pre_buffer=False) as file:
            if (shape := recognise(file.schema_arrow.names)) is None:
                bad.add(path, 1, "a table without columns of tweets")
                return
            for batch in file.iter_batches(ROWS_AT_ONCE, use_threads=False):
                for row in batch.to_pylist():
                    yield shape, number, _restore_counts(row)
                    number += 1
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError, ValueError, OverflowError):
        bad.add(path, number, "Parquet file is damaged from here on")


def _restore_counts(row: dict[str, Any]) -> dict[str, Any]:
    """Restore counts that pandas made floats because one of them was missing."""
    for name, value in row.items():
        if isinstance(value, float) and name.lower().endswith("count") and value.is_integer():
            row[name] = int(value)
    return row
