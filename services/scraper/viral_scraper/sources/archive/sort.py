"""Sort tweets by time into an archive's files: in memory while they fit, in runs beyond."""

from __future__ import annotations

import heapq
import struct
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from viral_common.tweets.filters import find_reason_against
from viral_common.tweets.tweet import RawTweet

from viral_scraper.stores.copy_row import CopyRow, read_field

# The reasons for which tweets are left out, by the number that stands for each on disk.
LEFT_OUT = ("retweet", "reply", "language", "empty", "sponsored", "duplicate")
MARK = {reason: f"\t-{number}\n".encode() for number, reason in enumerate(LEFT_OUT)}

# A record of each kept tweet: when it was posted, where its row begins, and the hash that near-copies share; and of
# each left out: when and why. Each file ends with a record that is no tweet's, which says where the rows end.
KEPT = np.dtype([("posted_ms", "i8"), ("start", "i8"), ("near_hash", "i8")])
LEFT = np.dtype([("posted_ms", "i8"), ("reason", "i8")])
pack_kept, pack_left = struct.Struct("=3q").pack, struct.Struct("=2q").pack
NEVER_MS = 1 << 62

ROWS_IN_MEMORY = 100_000
DAY_MS = 86_400_000
# A line is 13 digits of milliseconds (from 2001 to 2286), then a row or a mark: its bytes sort by (time, id).
TIME_DIGITS = 13
MINUS = ord("-")  # what a mark begins with, and no id


class SortedArchive:
    """Take in tweets and write `rows` and the records beside it, all in order."""

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
        """Write everything; return the days, counted from 1970, that have tweets of any kind."""
        self._lines.sort()
        with ExitStack() as stack:
            for run in self._runs:
                stack.callback(run.unlink)
            files = [stack.enter_context(run.open("rb")) for run in self._runs]
            lines = heapq.merge(self._lines, *files) if files else self._lines
            return _write(_merge_by_tweet(lines), self._folder)


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
    """Write an archive's files from front to back; return its days."""
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
        kept.write(pack_kept(NEVER_MS, start, 0))
        left_out.write(pack_left(NEVER_MS, 0))
    return days
