"""Keep an archive sorted by time on disk, so that any interval is read without the rest of the archive.

`rows` holds the tweets worth keeping as COPY rows in (time, id) order; beside it lie columns of numbers: their times,
where their rows begin and the hashes by which near-copies are found, and for the others only when and why.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import numpy as np
import structlog
from numpy.typing import NDArray
from viral_common.archive.bad_rows import BadRows, summarise_bad_rows
from viral_common.archive.reader import read_tweets
from viral_common.errors import UsageError
from viral_common.tweets.tweet import RawTweet

from viral_scraper.progress import ReportProgress
from viral_scraper.sources.archive.cleanup import remove_old
from viral_scraper.sources.archive.sort import LEFT_OUT, SortedArchive
from viral_scraper.stores.batch_staging import PreparedTweets
from viral_scraper.stores.copy_row import CopyRow

log = structlog.get_logger()

FORMAT = 3  # counted up when the shards' format, the parsing or the filters change, so that old shards are not used
REPORT_EVERY = 10_000
DAY = timedelta(days=1)
Number = TypeVar("Number", np.int64, np.uint8)
BEYOND_SHARE = "beyond the share"


class Shards:
    """Read one archive. While it is open, its files are not removed."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.days: list[datetime] = [datetime.fromtimestamp(day * 86_400, UTC) for day in index["days"]]
        self.bad_rows: dict[str, int] = index["bad_rows"]
        self.bad_places: dict[str, list[str]] = index["bad_places"]
        self._rows = (folder / "rows").open("rb")
        fcntl.flock(self._rows, fcntl.LOCK_SH)
        self._times, self._starts, self._near, self._left_times = (
            _map_column(folder / name, np.int64) for name in ("times", "starts", "near", "left_times")
        )
        self._left_reasons = _map_column(folder / "left_reasons", np.uint8)

    def read_texts(self, day: datetime) -> NDArray[np.int64]:
        """Read the near hash of each tweet of that day."""
        first, end = self._find_range(self._times, day, day + DAY)
        return np.asarray(self._near[first:end])

    def read_tweets(self, since: datetime, until: datetime) -> Iterator[RawTweet]:
        """Read those posted in [since, until) that the filters let pass, in (time, id) order."""
        first, end = self._find_range(self._times, since, until)
        for place in range(first, end):
            yield CopyRow.decode(self._read(place, place + 1)).to_tweet()

    def read_prepared(self, since: datetime, until: datetime, most: int) -> PreparedTweets:
        """Read the same as rows, and count the others. Of more than `most` texts some, drawn by their hashes."""
        first, end = self._find_range(self._times, since, until)
        reasons = self._left_reasons[slice(*self._find_range(self._left_times, since, until))]
        counts = np.bincount(reasons, minlength=len(LEFT_OUT)).tolist()
        left_out = {reason: count for reason, count in zip(LEFT_OUT, counts, strict=True) if count}
        if end - first <= most:
            return PreparedTweets(self._read(first, end), end - first, left_out)
        hashes, places = np.unique(self._near[first:end], return_index=True)
        chosen = np.sort(places[:most]) + first  # np.unique sorts by hash
        left_out["near-duplicate"] = end - first - len(hashes)
        left_out[BEYOND_SHARE] = len(hashes) - len(chosen)
        left_out = {reason: count for reason, count in left_out.items() if count}
        rows = b"".join(self._read(place, place + 1) for place in chosen.tolist())
        return PreparedTweets(rows, len(chosen), left_out)

    def close(self) -> None:
        """Let whoever wants remove the files."""
        self._rows.close()

    def _read(self, first: int, end: int) -> bytes:
        start, stop = (int(self._starts[place]) for place in (first, end))
        return os.pread(self._rows.fileno(), stop - start, start)

    @staticmethod
    def _find_range(times: NDArray[np.int64], since: datetime, until: datetime) -> tuple[int, int]:
        first, end = np.searchsorted(times, [to_milliseconds(since), to_milliseconds(until)]).tolist()
        return first, end


def open_shards(files: Sequence[Path], asked: str, folder: Path, report: ReportProgress) -> Shards:
    """Open the shards of these files, made first if they are not there. Raises UsageError if nothing is usable.

    Older shards of the same paths, and any that nobody has used for long, are removed.
    """
    digest = _digest(files)
    finished = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            remove_old(folder, asked)  # first: they may be what fills the disk
            unfinished = folder / f"{digest}.partial"
            unfinished.mkdir()
            _make(files, asked, unfinished, report)
            unfinished.rename(finished)
        os.utime(finished)
        shards = Shards(finished)
    if not shards.days:
        shards.close()
        names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
        raise UsageError(
            f"no usable tweet in {names}: {summarise_bad_rows(shards.bad_rows)}; "
            "give files of Twint, snscrape or X's API"
        )
    return shards


def to_milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _make(files: Sequence[Path], asked: str, folder: Path, report: ReportProgress) -> None:
    bad = BadRows()
    archive = SortedArchive(folder)
    count = 0
    for file in files:
        for tweet in read_tweets(file, bad):
            archive.add(to_milliseconds(tweet.posted_at), tweet)
            count += 1
            if count % REPORT_EVERY == 0:
                report("reading the archive", count, None)
    days = archive.finish()
    index: Mapping[str, object] = {
        "asked": asked,
        "tweets": count,
        "days": days,
        "bad_rows": bad.by_reason,
        "bad_places": bad.places,
    }
    (folder / "index.json").write_text(json.dumps(index))
    report("reading the archive", count, count)
    if bad.by_reason:
        log.warning("rows left out", total=bad.by_reason.total(), by_reason=dict(bad.by_reason))


def _map_column(path: Path, of: type[Number]) -> NDArray[Number]:
    return np.memmap(path, of, "r") if path.stat().st_size else np.empty(0, of)


def _digest(files: Sequence[Path]) -> str:
    """Hash the files' paths, sizes and times."""
    stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((FORMAT, stamps)).encode()).hexdigest()[:16]
