"""Read a file of tweets into runs: what passes the filters as rows ready to store, sorted by time, some at a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, NamedTuple

from viral_common.archive.bad_rows import BadRows
from viral_common.archive.reader import read_tweets
from viral_common.tweets.filters import find_reason_against

from viral_scraper.stores.copy_row import CopyRow

# The reasons for which tweets are left out, by the number that stands for each on disk.
LEFT_OUT = ("retweet", "reply", "language", "empty", "sponsored", "duplicate")
MARK = {reason: f"\t-{number}\n".encode() for number, reason in enumerate(LEFT_OUT)}
# A line is 13 digits of milliseconds (from 2001 to 2286), then a row or a mark: its bytes sort by (time, id).
TIME_DIGITS = 13
ROWS_IN_MEMORY = 100_000


class FileTask(NamedTuple):
    """Name a file to read, and the folder that its runs are in once it is read."""

    file: Path
    folder: Path


class FileRuns(NamedTuple):
    """Hold what came of a file."""

    runs: list[str]
    tweets: int
    by_reason: dict[str, int]
    bad_rows: int
    places: dict[str, list[str]]


def read_into_runs(task: FileTask) -> FileRuns:
    """Read the file, unless that was done before a kill: whole or not at all, however many try."""
    if not task.folder.exists():
        unfinished = Path(mkdtemp(prefix=f"{task.folder.name}.", dir=task.folder.parent))
        bad = BadRows(log_places=False)  # whoever puts the files together knows which are the first
        runs, tweets = _write_runs(task.file, unfinished, bad)
        found = FileRuns(
            [str(task.folder / run) for run in runs], tweets, dict(bad.by_reason), bad.rows, bad.places
        )
        (unfinished / "found.json").write_text(json.dumps(found._asdict()))
        try:
            unfinished.rename(task.folder)
        except OSError:
            if not task.folder.exists():
                raise
            shutil.rmtree(unfinished)  # somebody else was quicker
    found_before: dict[str, Any] = json.loads((task.folder / "found.json").read_text())
    return FileRuns(**found_before)


def _write_runs(file: Path, folder: Path, bad: BadRows) -> tuple[list[str], int]:
    """Write the runs; return their names, and how many tweets they hold."""
    runs: list[str] = []
    lines: list[bytes] = []
    tweets = 0

    def end_run() -> None:
        lines.sort()
        runs.append(f"run{len(runs)}")
        with (folder / runs[-1]).open("wb") as out:
            out.writelines(lines)
        lines.clear()

    for tweet in read_tweets(file, bad):
        tweets += 1
        posted_ms = round(tweet.posted_at.timestamp() * 1000)
        if reason := find_reason_against(tweet):
            lines.append(b"%013d" % posted_ms + MARK[reason])
        else:
            lines.append(b"%013d\t" % posted_ms + CopyRow.from_tweet(tweet).encode())
        if len(lines) == ROWS_IN_MEMORY:
            end_run()
    if lines:
        end_run()
    return runs, tweets
