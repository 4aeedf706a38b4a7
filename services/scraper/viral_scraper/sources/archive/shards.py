"""Keep an archive sorted by time on disk, so that any interval is read without the rest of the archive.

`rows` holds the tweets worth keeping as COPY rows in (time, id) order; beside it lie the records of `sort.py`, by which
they are found, and for the others only when and why.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import time
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import structlog
from numpy.typing import NDArray
from viral_common.archive.bad_rows import BadRows, summarise_bad_rows
from viral_common.errors import UsageError
from viral_common.tweets.tweet import RawTweet
from viral_common.workers import Workers

from viral_scraper.progress import ReportProgress
from viral_scraper.sources.archive.runs import LEFT_OUT, FileTask, read_into_runs
from viral_scraper.sources.archive.sort import KEPT, LEFT, sort_runs
from viral_scraper.sources.base import DAY
from viral_scraper.stores.copy_row import CopyRow, PreparedTweets

log = structlog.get_logger()

FORMAT = 6  # counted up when the shards' format, the parsing or the filters change, so that other shards are not used
BEYOND_SHARE = "beyond the share"
UNUSED_S = 7 * 86_400  # an archive asked for less often is read again


class Shards:
    """Read one archive. While it is open, its files are not removed."""

    def __init__(self, folder: Path) -> None:
        index = json.loads((folder / "index.json").read_text())
        self.days: list[datetime] = [datetime.fromtimestamp(day * 86_400, UTC) for day in index["days"]]
        self.bad_rows: dict[str, int] = index["bad_rows"]
        self.bad_places: dict[str, list[str]] = index["bad_places"]
        self._rows = (folder / "rows").open("rb")
        fcntl.flock(self._rows, fcntl.LOCK_SH)
        self._kept, self._left_out = (
            np.asarray(np.memmap(folder / name, kind, "r"))
            for name, kind in (("kept", KEPT), ("left_out", LEFT))
        )

    def read_texts(self, day: datetime) -> NDArray[np.int64]:
        """Read the near hash of each tweet of that day."""
        return np.asarray(self._kept["near_hash"][_find_range(self._kept, day, day + DAY)])

    def read_tweets(self, since: datetime, until: datetime) -> Iterator[RawTweet]:
        """Read those posted in [since, until) that the filters let pass, in (time, id) order."""
        found = _find_range(self._kept, since, until)
        for place in range(found.start, found.stop):
            yield CopyRow.decode(self._read(place, place + 1)).to_tweet()

    def read_prepared(self, since: datetime, until: datetime, most: int) -> PreparedTweets:
        """Read the same as rows, and count the others. Of more than `most` texts some, drawn by their hashes."""
        found = _find_range(self._kept, since, until)
        count = found.stop - found.start
        reasons = self._left_out["reason"][_find_range(self._left_out, since, until)]
        left_out = dict(zip(LEFT_OUT, np.bincount(reasons, minlength=len(LEFT_OUT)).tolist(), strict=True))
        if count <= most:
            rows = self._read(found.start, found.stop)
        else:
            hashes, places = np.unique(self._kept["near_hash"][found], return_index=True)
            chosen = (np.sort(places[:most]) + found.start).tolist()  # np.unique sorts by hash
            left_out["near-duplicate"] = count - len(hashes)
            left_out[BEYOND_SHARE] = len(hashes) - len(chosen)
            rows, count = b"".join(self._read(place, place + 1) for place in chosen), len(chosen)
        return PreparedTweets(rows, count, {reason: number for reason, number in left_out.items() if number})

    def close(self) -> None:
        """Let whoever wants remove the files."""
        self._rows.close()

    def _read(self, first: int, end: int) -> bytes:
        start, stop = (int(self._kept["start"][place]) for place in (first, end))
        return os.pread(self._rows.fileno(), stop - start, start)


def open_shards(
    files: Sequence[Path], asked: str, folder: Path, report: ReportProgress, workers: Workers
) -> Shards:
    """Open the shards of these files, made first if they are not there. Raises UsageError if nothing is usable.

    Older shards of the same paths, and any that nobody has used for long, are removed.
    """
    digest = _digest(files)
    finished = folder / digest
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not finished.exists():
            unfinished = folder / f"{digest}.partial"
            _remove_unneeded(folder, asked, unfinished)  # first: they may be what fills the disk
            unfinished.mkdir(exist_ok=True)
            _make(files, asked, unfinished, report, workers)
            unfinished.rename(finished)
        os.utime(finished)
        shards = Shards(finished)
    if not shards.days:
        shards.close()
        names = ", ".join(str(file) for file in files[:3]) + (", …" if len(files) > 3 else "")
        why = summarise_bad_rows(shards.bad_rows)
        raise UsageError(f"no usable tweet in {names}: {why}; give files of Twint, snscrape or X's API")
    return shards


def _make(files: Sequence[Path], asked: str, folder: Path, report: ReportProgress, workers: Workers) -> None:
    """Read each file into runs, then sort these; after a kill, files that were read whole are not read again."""
    for half_made in (*folder.glob("file*.*"), *folder.glob("piece*")):
        shutil.rmtree(half_made)
    bad = BadRows()
    runs: list[str] = []
    tweets = 0
    tasks = [FileTask(file, folder / f"file{number}") for number, file in enumerate(files)]
    for number, found in enumerate(workers.map(read_into_runs, tasks), 1):
        bad.add_all(found.by_reason, found.bad_rows, found.places)
        runs += found.runs
        tweets += found.tweets
        report("reading the archive's files", number, len(tasks))
    index = {
        "asked": asked,
        "days": sort_runs(runs, folder, workers),
        "bad_rows": bad.by_reason,
        "bad_places": bad.places,
    }
    (folder / "index.json").write_text(json.dumps(index))
    for task in tasks:
        shutil.rmtree(task.folder)
    log.info("archive read", files=len(files), tweets=tweets)
    if bad.by_reason:
        log.warning("rows left out", total=bad.by_reason.total(), by_reason=dict(bad.by_reason))


def _remove_unneeded(folder: Path, asked: str, begun: Path) -> None:
    """Remove what no process has open. Call with the folder's lock held: then no shards are being made."""
    for shards in folder.iterdir():
        if not shards.is_dir() or shards == begun:
            continue
        half_made = shards.suffix == ".partial"
        if half_made or (_is_unneeded(shards, asked) and not _is_in_use(shards)):
            shutil.rmtree(shards)
            log.info("old archive shards removed", folder=str(shards))


def _is_unneeded(shards: Path, asked: str) -> bool:
    """Tell whether they were superseded by a change of the files, are unused, or cannot be read."""
    if time.time() - shards.stat().st_mtime > UNUSED_S:
        return True
    try:
        index = json.loads((shards / "index.json").read_text())
    except (OSError, ValueError):
        return True
    return bool(index["asked"] == asked)


def _is_in_use(shards: Path) -> bool:
    try:
        with (shards / "rows").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return isinstance(error, BlockingIOError)
    return False


def _find_range(records: NDArray[np.void], since: datetime, until: datetime) -> slice:
    """Find where the records of [since, until) are."""
    times = records["posted_ms"]
    return slice(*(bisect_left(times, _to_milliseconds(at)) for at in (since, until)))


def _to_milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def _digest(files: Sequence[Path]) -> str:
    """Hash the files' paths, sizes and times."""
    stamps = [(str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files]
    return hashlib.sha256(repr((FORMAT, stamps)).encode()).hexdigest()[:16]
