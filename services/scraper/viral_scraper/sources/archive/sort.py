"""Sort runs of tweets by time into an archive's files, piece by piece, each of about as many bytes as the others."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterable, Iterator, Sequence
from mmap import ACCESS_READ, mmap
from pathlib import Path
from struct import Struct
from typing import NamedTuple

import numpy as np
from viral_common.workers import Workers

from viral_scraper.sources.archive.runs import MARK, TIME_DIGITS
from viral_scraper.stores.copy_row import read_field

# A record of each kept tweet: when it was posted, where its row begins, and the hash that near-copies share; and of
# each left out: when and why. Each file ends with a record that is no tweet's, which says where the rows end.
KEPT = np.dtype([("posted_ms", "i8"), ("start", "i8"), ("near_hash", "i8")])
LEFT = np.dtype([("posted_ms", "i8"), ("reason", "i8")])
pack_kept, pack_left = Struct("=3q").pack, Struct("=2q").pack
NEVER_MS = 1 << 62

SMALLEST_PIECE, LARGEST_PIECE, PIECES = (
    1 << 22,
    1 << 26,
    64,
)  # bytes, which are sorted in memory, and how many of these
FIRST, LAST = b"", b":"  # before and after whatever begins with a digit
DAY_MS = 86_400_000
MINUS = ord("-")  # what a mark begins with, and no id


class Piece(NamedTuple):
    """Name what lies between two times in all runs, and the folder for its files."""

    runs: Sequence[str]
    since: bytes
    until: bytes
    folder: Path


def sort_runs(runs: Sequence[str], folder: Path, workers: Workers) -> list[int]:
    """Write `rows` and the records beside it; return the days, counted from 1970, that have tweets of any kind."""
    cuts = [FIRST, *_choose_cuts(runs), LAST]
    pieces = [
        Piece(runs, since, until, folder / f"piece{number}")
        for number, (since, until) in enumerate(itertools.pairwise(cuts))
    ]
    days: set[int] = set()
    with (
        (folder / "rows").open("wb") as rows,
        (folder / "kept").open("wb") as kept,
        (folder / "left_out").open("wb") as left_out,
    ):
        for piece, its_days in zip(pieces, workers.map(sort_piece, pieces), strict=True):
            days.update(its_days)
            records = np.fromfile(piece.folder / "kept", KEPT)
            records["start"] += rows.tell()
            records.tofile(kept)
            for name, out in (("rows", rows), ("left_out", left_out)):
                with (piece.folder / name).open("rb") as part:
                    shutil.copyfileobj(part, out)
            shutil.rmtree(piece.folder)
        kept.write(pack_kept(NEVER_MS, rows.tell(), 0))
        left_out.write(pack_left(NEVER_MS, 0))
    return sorted(days)


def sort_piece(piece: Piece) -> list[int]:
    """Write a piece's files; return its days. Again does the same."""
    lines: list[bytes] = []
    for run in piece.runs:
        with Path(run).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            found = data[_find_line(data, piece.since) : _find_line(data, piece.until)]
        lines += found.splitlines(keepends=True)
    lines.sort()
    piece.folder.mkdir(exist_ok=True)
    return _write(_merge_by_tweet(lines), piece.folder)


def _choose_cuts(runs: Sequence[str]) -> Iterable[bytes]:
    """Choose times that part all lines into pieces of about one size."""
    total = sum(Path(run).stat().st_size for run in runs)
    size = min(max(total // PIECES, SMALLEST_PIECE), LARGEST_PIECE)
    step = size // 8  # between the lines that are looked at
    times: list[bytes] = []
    for run in runs:
        with Path(run).open("rb") as file, mmap(file.fileno(), 0, access=ACCESS_READ) as data:
            starts = [data.find(b"\n", place) + 1 for place in range(step, len(data), step)]
            times += [data[start : start + TIME_DIGITS] for start in starts if start < len(data)]
    times.sort()
    return dict.fromkeys(times[8::8])


def _find_line(data: mmap, time: bytes) -> int:
    """Find where the first line at or after a time begins, among sorted ones."""
    low, high = 0, len(data)
    while low < high:
        middle = (low + high) // 2
        start = data.rfind(b"\n", low, middle) + 1 or low
        if data[start : start + TIME_DIGITS] < time:
            low = data.find(b"\n", middle) + 1
        else:
            high = start
    return low


def _merge_by_tweet(lines: Iterable[bytes]) -> Iterator[bytes]:
    """Merge the lines of each tweet: the one with the most likes stays, the others become marks."""
    best, key = b"", b""
    for line in lines:
        end = line.find(b"\t", TIME_DIGITS + 1)
        if end < 0:
            # Marks come before the rows of their millisecond, so no other row of the pending tweet can follow.
            if best:
                yield best
            best, key = b"", b""
            yield line
        elif line[:end] != key:
            if best:
                yield best
            best, key = line, line[:end]
        else:
            best = max(best, line, key=_read_likes)
            yield line[:TIME_DIGITS] + MARK["duplicate"]
    if best:
        yield best


def _read_likes(line: bytes) -> int:
    return int(read_field(line[TIME_DIGITS + 1 :], "like_count"))


def _write(lines: Iterable[bytes], folder: Path) -> list[int]:
    """Write a piece's files from front to back; return its days."""
    days: list[int] = []
    start = day_end = 0
    with (
        (folder / "rows").open("wb") as rows,
        (folder / "kept").open("wb") as kept,
        (folder / "left_out").open("wb") as left_out,
    ):
        for line in lines:
            posted_ms, row = int(line[:TIME_DIGITS]), line[TIME_DIGITS + 1 :]
            if posted_ms >= day_end:
                days.append(posted_ms // DAY_MS)
                day_end = (days[-1] + 1) * DAY_MS
            if row[0] == MINUS:
                left_out.write(pack_left(posted_ms, int(row[1:])))
            else:
                kept.write(pack_kept(posted_ms, start, int(read_field(row, "near_hash"))))
                start += rows.write(row)
    return days
