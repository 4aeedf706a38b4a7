"""Test an archive of several files, read one after the other, at once, and in more than one go."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest
from viral_common.archive.bad_rows import BadRows
from viral_common.archive.reader import read_tweets
from viral_common.errors import ChildFailed, UsageError
from viral_common.tweets.tweet import RawTweet
from viral_common.workers import InProcess, Workers, start_workers
from viral_scraper.progress import log_progress
from viral_scraper.sources.archive import runs, sort
from viral_scraper.sources.archive.source import ArchiveSource

from tests.factories import make_twint_days, make_twint_row, write_lines

Task = TypeVar("Task")
Result = TypeVar("Result")


def write_files(folder: Path, count: int = 4) -> list[str]:
    """Each holds tweets of all days, some of another file's too, one in German and a line that is none."""
    rows = make_twint_days(days=6, per_day=40)
    random.Random(7).shuffle(rows)
    files = []
    for number in range(count):
        own = [*rows[number::count], *rows[:9], make_twint_row(number=number, language="de")]
        files.append(str(write_lines(folder / f"{number}.jsonl.gz", [*own, b"oops\n"])))
    return files


def read_all(folder: Path, files: list[str], workers: Workers) -> dict[str, bytes]:
    source = ArchiveSource(files, "", folder, log_progress(), workers)
    source.find_next_window(None, 10)
    (shards,) = [path for path in folder.iterdir() if path.is_dir()]
    return {path.name: path.read_bytes() for path in shards.iterdir()}


def test_several_processes_leave_the_same_bytes_as_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = write_files(tmp_path)
    monkeypatch.setattr(sort, "SMALLEST_PIECE", 4_000)

    alone = read_all(tmp_path / "alone", files, InProcess())
    with start_workers(3) as workers:
        at_once = read_all(tmp_path / "at_once", files, workers)

    assert at_once == alone
    assert set(alone) == {"index.json", "kept", "left_out", "rows"}
    assert alone["rows"].count(b"\n") == 6 * 40


def test_bad_rows_are_named_in_the_order_of_the_files(tmp_path: Path) -> None:
    files = write_files(tmp_path)
    with start_workers(2) as workers:
        source = ArchiveSource(files, "", tmp_path / "shards", log_progress(), workers)
        source.find_next_window(None, 10)

    assert source.bad_rows == {"broken JSON": 4}
    assert source.bad_places == {"broken JSON": [f"{file}:71" for file in files]}


class Interrupted(Exception):
    pass


class InterruptedAfter:
    """Run so many tasks, and then no more."""

    def __init__(self, tasks: int) -> None:
        self._left = tasks

    def map(self, work: Callable[[Task], Result], tasks: Iterable[Task], /) -> Iterator[Result]:
        for task in tasks:
            if not self._left:
                raise Interrupted
            self._left -= 1
            yield work(task)


def test_a_file_that_was_read_is_not_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = write_files(tmp_path)
    expected = read_all(tmp_path / "whole", files, InProcess())
    read: list[str] = []

    def read_and_note(path: Path, bad: BadRows) -> Iterator[RawTweet]:
        read.append(str(path))
        return read_tweets(path, bad)

    monkeypatch.setattr(runs, "read_tweets", read_and_note)

    for tasks in (1, 0, 1, 4):  # the last is interrupted while it sorts
        with pytest.raises(Interrupted):
            ArchiveSource(
                files, "", tmp_path / "shards", log_progress(), InterruptedAfter(tasks)
            ).find_next_window(None, 9)
    found = read_all(tmp_path / "shards", files, InProcess())

    assert read == files
    assert found == expected


def kill_itself(_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_worker_is_one_error_that_says_what_to_do() -> None:
    with (
        pytest.raises(ChildFailed, match=r"a worker process was killed.*goes on where"),
        start_workers(2) as workers,
    ):
        list(workers.map(kill_itself, range(2)))


def test_what_a_worker_refuses_is_refused_here(tmp_path: Path) -> None:
    files = [str(write_lines(tmp_path / f"{number}.jsonl", [b"oops\n"])) for number in range(2)]

    with start_workers(2) as workers, pytest.raises(UsageError, match="no usable tweet in"):
        read_all(tmp_path / "shards", files, workers)
