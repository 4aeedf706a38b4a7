"""Sort tweets by time into an archive's files: in memory while they fit, in runs beyond."""

from __future__ import annotations

import heapq
from array import array
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from viral_common.tweets.filters import find_reason_against
from viral_common.tweets.tweet import RawTweet

from viral_scraper.stores.copy_row import CopyRow, read_field

# The reasons for which tweets are left out, by the number that stands for each on disk.
LEFT_OUT = ("retweet", "reply", "language", "empty", "sponsored", "duplicate")
MARK = {reason: f"\t-{number}\n".encode() for number, reason in enumerate(LEFT_OUT)}

ROWS_IN_MEMORY = 100_000
DAY_MS = 86_400_000
# A line is 13 digits of milliseconds (from 2001 to 2286), then a row or a mark: its bytes sort by (time, id).
TIME_DIGITS = 13
MINUS = ord("-")  # what a mark begins with, and no id


class SortedArchive:
    """Take in tweets and write `rows` and the columns beside it, all in order."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lines: list[bytes] = []
        self._runs: list[Path] = []

    def add(self, posted_ms: int, tweet: RawTweet) -> None:
        """Add a tweet to keep with all its fields, another only with its time and the reason."""
        if reason := find_reason_against(tweet):
            self._lines.append(b"%013d" % posted_ms + MARK[reason])
        else:
            self._lines.append(b"%013d\t" % posted_ms + CopyRow.from_tweet(tweet).encode())
        if len(self._lines) >= ROWS_IN_MEMORY:
            run = self._folder / f"run{len(self._runs)}"
            self._lines.sort()
            with run.open("wb") as file:
                file.writelines(self._lines)
            self._runs.append(run)
            self._lines.clear()

    def finish(self) -> list[int]:
        """Write everything. The days, counted from 1970, that have tweets of any kind."""
        self._lines.sort()
        files = [run.open("rb") for run in self._runs]
        try:
            with Columns(self._folder) as columns:
                columns.add(_merge_by_tweet(heapq.merge(self._lines, *files) if files else self._lines))
                return columns.days
        finally:
            for file, run in zip(files, self._runs, strict=True):
                file.close()
                run.unlink()


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


class Columns:
    """Write the files of an archive from front to back."""

    def __init__(self, folder: Path) -> None:
        self.days: list[int] = []
        self._rows: BinaryIO = (folder / "rows").open("wb")
        self._times, self._starts, self._near, self._left_times = (array("q") for _ in range(4))
        self._left_reasons = array("B")
        self._files = [
            ((folder / name).open("wb"), numbers)
            for name, numbers in (
                ("times", self._times),
                ("starts", self._starts),
                ("near", self._near),
                ("left_times", self._left_times),
                ("left_reasons", self._left_reasons),
            )
        ]

    def __enter__(self) -> Columns:
        return self

    def __exit__(self, *_: object) -> None:
        self._starts.append(self._rows.tell())
        self._flush()
        for file in (self._rows, *(file for file, _ in self._files)):
            file.close()

    def add(self, lines: Iterable[bytes]) -> None:
        """Write all lines, in order."""
        end = self._rows.tell()
        day_end = 0
        for line in lines:
            milliseconds = int(line[:TIME_DIGITS])
            if milliseconds >= day_end:
                day = milliseconds // DAY_MS
                self.days.append(day)
                day_end = (day + 1) * DAY_MS
            if line[TIME_DIGITS + 1] == MINUS:
                self._left_times.append(milliseconds)
                self._left_reasons.append(int(line[TIME_DIGITS + 2 :]))
            else:
                self._times.append(milliseconds)
                self._starts.append(end)
                row = line[TIME_DIGITS + 1 :]
                self._near.append(int(read_field(row, "near_hash")))
                end += self._rows.write(row)
            if len(self._times) + len(self._left_times) >= ROWS_IN_MEMORY:
                self._flush()

    def _flush(self) -> None:
        for file, numbers in self._files:
            numbers.tofile(file)
            del numbers[:]
