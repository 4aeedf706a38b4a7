"""An archive as a source: days, windows, files that come and go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from viral_common.errors import UsageError
from viral_scraper.progress import log_progress
from viral_scraper.sources.archive import ArchiveSource
from viral_scraper.sources.base import Window

from tests.twint_lines import FIRST_DAY, some_days, twint_row, write_lines

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def archive(tmp_path: Path, paths: str | Path, query: str = "") -> ArchiveSource:
    return ArchiveSource(str(paths), query, tmp_path / "shards", log_progress())


def test_windows_are_whole_days_that_hold_enough(tmp_path: Path) -> None:
    source = archive(tmp_path, write_lines(tmp_path / "t.jsonl", some_days(days=5, per_day=10)))

    first = source.next_window(None, 15)
    second = source.next_window(FIRST_DAY + 2 * DAY, 15)
    last = source.next_window(FIRST_DAY + 4 * DAY, 15)

    assert first == Window(FIRST_DAY, FIRST_DAY + 2 * DAY)
    assert second == Window(FIRST_DAY + 2 * DAY, FIRST_DAY + 4 * DAY)
    assert last == Window(FIRST_DAY + 4 * DAY, FIRST_DAY + 5 * DAY)
    assert source.next_window(FIRST_DAY + 5 * DAY, 15) is None


def test_what_the_filters_leave_out_does_not_fill_a_window(tmp_path: Path) -> None:
    rows = some_days(2, 10, language="de") + some_days(2, 10, tweet="all the same") + some_days(3, 10)
    source = archive(tmp_path, write_lines(tmp_path / "t.jsonl", rows))

    # Ten texts on the first day, and one that all copies share.
    assert source.next_window(None, 11) == Window(FIRST_DAY, FIRST_DAY + DAY)
    assert source.next_window(None, 12) == Window(FIRST_DAY, FIRST_DAY + 2 * DAY)


def test_a_search_is_half_open_and_in_time_order(tmp_path: Path) -> None:
    rows = some_days(days=3, per_day=24)
    source = archive(tmp_path, write_lines(tmp_path / "t.jsonl.gz", reversed(rows)))
    at = [FIRST_DAY + timedelta(hours=number + 0.5) for number in range(72)]

    found = list(source.search("", at[20], at[30]))

    assert [tweet.posted_at for tweet in found] == at[20:30]
    assert list(source.search("", at[20], at[30], 3)) == found[:3]
    assert list(source.search("", FIRST_DAY - 9 * DAY, FIRST_DAY)) == []


def test_files_folders_and_globs_are_one_archive(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write_lines(folder / "b.jsonl.gz", [twint_row(FIRST_DAY + HOUR, 1)])
    write_lines(folder / "README.md", [b"no tweets\n"])
    write_lines(tmp_path / "x1.txt", [twint_row(FIRST_DAY, 2)])
    write_lines(tmp_path / "x2.txt", [twint_row(FIRST_DAY + 2 * HOUR, 3)])
    source = archive(tmp_path, f"{folder}, {tmp_path}/x*.txt:{tmp_path}/x1.txt")

    found = list(source.search("", FIRST_DAY, FIRST_DAY + DAY))

    assert [tweet.username for tweet in found] == ["author2", "author1", "author3"]
    assert source.bad_rows == {}


def test_batches_are_filed_under_the_files_names_or_the_query(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "oil.jsonl.gz", [])

    assert archive(tmp_path, file).query == "oil"
    assert archive(tmp_path, file, query="russia oil").query == "russia oil"


def test_a_file_that_grew_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    source = archive(tmp_path, write_lines(file, some_days(1, 10)))
    assert source.next_window(FIRST_DAY + DAY, 10) is None

    write_lines(file, some_days(2, 10))

    assert source.next_window(FIRST_DAY + DAY, 10) == Window(FIRST_DAY + DAY, FIRST_DAY + 2 * DAY)


def test_shards_left_half_made_by_a_kill_are_made_again(tmp_path: Path) -> None:
    source = archive(tmp_path, write_lines(tmp_path / "t.jsonl", some_days(2, 10)))
    source.next_window(None, 10)
    (finished,) = [path for path in (tmp_path / "shards").iterdir() if path.is_dir()]
    finished.rename(finished.with_name(f"{finished.name}.partial"))
    (finished.with_name(f"{finished.name}.partial") / "2022-03-01.jsonl").write_bytes(b"half a li")

    again = archive(tmp_path, tmp_path / "t.jsonl")

    assert len(list(again.search("", FIRST_DAY, FIRST_DAY + 2 * DAY))) == 20


def test_bad_rows_are_reported_with_the_good_ones_kept(tmp_path: Path) -> None:
    rows: list[dict[str, Any] | bytes] = [b"oops\n", *some_days(1, 5), twint_row(likes_count=-3)]
    source = archive(tmp_path, write_lines(tmp_path / "t.jsonl", rows))

    assert len(list(source.search("", FIRST_DAY, FIRST_DAY + DAY))) == 5
    assert source.bad_rows == {"broken JSON": 1, "likes_count negative or absurd": 1}


@pytest.mark.parametrize(
    ("paths", "message"),
    [
        ("", "VIRAL_ARCHIVE_PATHS is empty"),
        (" , ", "VIRAL_ARCHIVE_PATHS is empty"),
        ("/no/such/file.jsonl", "no file at /no/such/file.jsonl"),
        ("/no/such/*.jsonl", "no file at /no/such/"),
        ("x" * 5_000, "no file at xxx|File name too long"),
    ],
)
def test_paths_that_lead_nowhere_are_the_person_s_mistake(tmp_path: Path, paths: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        archive(tmp_path, paths).next_window(None, 10)


@pytest.mark.parametrize("data", [b"", b"oops\n", b"\x1f\x8b\x08\x00 no gzip", b"id,name\n1,2\n"])
def test_files_with_nothing_usable_are_the_person_s_mistake(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.jsonl").write_bytes(data)

    with pytest.raises(UsageError, match=r"no usable tweet in .*t\.jsonl: 1 bad rows|2 bad rows"):
        archive(tmp_path, tmp_path / "t.jsonl").next_window(None, 10)
