"""Test an archive as a source: days, windows, files that come and go."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from viral_common.errors import UsageError
from viral_scraper.progress import log_progress
from viral_scraper.sources.archive import runs, shards, sort
from viral_scraper.sources.archive.source import ArchiveSource
from viral_scraper.sources.base import Window
from viral_scraper.stores.copy_row import read_field

from tests.factories import FIRST_DAY, make_twint_days, make_twint_row, write_lines

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def make_archive(tmp_path: Path, paths: str | Path, query: str = "") -> ArchiveSource:
    return ArchiveSource(str(paths), query, tmp_path / "shards", log_progress())


def test_windows_are_whole_days_that_hold_enough(tmp_path: Path) -> None:
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", make_twint_days(days=5, per_day=10)))

    first = source.find_next_window(None, 15)
    second = source.find_next_window(FIRST_DAY + 2 * DAY, 15)
    last = source.find_next_window(FIRST_DAY + 4 * DAY, 15)

    assert first == Window(FIRST_DAY, FIRST_DAY + 2 * DAY)
    assert second == Window(FIRST_DAY + 2 * DAY, FIRST_DAY + 4 * DAY)
    assert last == Window(FIRST_DAY + 4 * DAY, FIRST_DAY + 5 * DAY)
    assert source.find_next_window(FIRST_DAY + 5 * DAY, 15) is None


def test_what_the_filters_leave_out_does_not_fill_a_window(tmp_path: Path) -> None:
    rows = (
        make_twint_days(2, 12, language="de")
        + make_twint_days(2, 11, tweet="all the same")
        + make_twint_days(3, 10)
    )
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", rows))

    # Ten texts on the first day, and one that all copies share.
    assert source.find_next_window(None, 11) == Window(FIRST_DAY, FIRST_DAY + DAY)
    assert source.find_next_window(None, 12) == Window(FIRST_DAY, FIRST_DAY + 2 * DAY)


def test_a_search_is_half_open_and_in_time_order(tmp_path: Path) -> None:
    rows = make_twint_days(days=3, per_day=24)
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl.gz", reversed(rows)))
    at = [FIRST_DAY + timedelta(hours=number + 0.5) for number in range(72)]

    found = list(source.search(at[20], at[30]))

    assert [tweet.posted_at for tweet in found] == at[20:30]
    assert list(source.search(at[20], at[30], 3)) == found[:3]
    assert list(source.search(FIRST_DAY - 9 * DAY, FIRST_DAY)) == []


def test_files_folders_and_globs_are_one_archive(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    write_lines(folder / "b.jsonl.gz", [make_twint_row(FIRST_DAY + HOUR, 1)])
    write_lines(folder / "README.md", [b"no tweets\n"])
    write_lines(tmp_path / "x1.txt", [make_twint_row(FIRST_DAY, 2)])
    write_lines(tmp_path / "x2.txt", [make_twint_row(FIRST_DAY + 2 * HOUR, 3)])
    source = make_archive(tmp_path, f"{folder}, {tmp_path}/x*.txt:{tmp_path}/x1.txt")

    found = list(source.search(FIRST_DAY, FIRST_DAY + DAY))

    assert [tweet.username for tweet in found] == ["author2", "author1", "author3"]
    assert source.bad_rows == {}


def test_batches_are_filed_under_the_files_names_or_the_query(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "oil.jsonl.gz", [])

    assert make_archive(tmp_path, file).query == "oil"
    assert make_archive(tmp_path, file, query="russia oil").query == "russia oil"


def test_a_file_that_grew_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    source = make_archive(tmp_path, write_lines(file, make_twint_days(1, 10)))
    assert source.find_next_window(FIRST_DAY + DAY, 10) is None

    write_lines(file, make_twint_days(2, 10))

    assert source.find_next_window(FIRST_DAY + DAY, 10) == Window(FIRST_DAY + DAY, FIRST_DAY + 2 * DAY)


def test_shards_left_half_made_by_a_kill_are_made_again(tmp_path: Path) -> None:
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", make_twint_days(2, 10)))
    source.find_next_window(None, 10)
    (finished,) = [path for path in (tmp_path / "shards").iterdir() if path.is_dir()]
    finished.rename(finished.with_name(f"{finished.name}.partial"))
    (finished.with_name(f"{finished.name}.partial") / "2022-03-01.jsonl").write_bytes(b"half a li")

    again = make_archive(tmp_path, tmp_path / "t.jsonl")

    assert len(list(again.search(FIRST_DAY, FIRST_DAY + 2 * DAY))) == 20


def list_folders(tmp_path: Path) -> list[str]:
    return sorted(path.name for path in (tmp_path / "shards").iterdir() if path.is_dir())


def test_shards_of_files_that_changed_are_removed_unless_someone_reads_them(tmp_path: Path) -> None:
    file = write_lines(tmp_path / "t.jsonl", make_twint_days(1, 10))
    reader, other = make_archive(tmp_path, file), make_archive(tmp_path, file)
    reader.find_next_window(None, 10)
    (old,) = list_folders(tmp_path)
    write_lines(file, make_twint_days(2, 10))

    other.find_next_window(None, 10)
    while_read = list_folders(tmp_path)
    reader.find_next_window(None, 10)
    write_lines(file, make_twint_days(3, 10))
    for source in (reader, other):
        source.find_next_window(None, 10)

    assert old in while_read
    assert len(while_read) == 2
    assert old not in list_folders(tmp_path)


def test_shards_that_nobody_opened_for_long_are_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("a", "b"):
        make_archive(
            tmp_path, write_lines(tmp_path / f"{name}.jsonl", make_twint_days(1, 10))
        ).find_next_window(None, 10)
    both = list_folders(tmp_path)
    monkeypatch.setattr(shards, "UNUSED_S", -1)

    make_archive(tmp_path, write_lines(tmp_path / "c.jsonl", make_twint_days(1, 10))).find_next_window(
        None, 10
    )

    assert len(both) == 2
    assert not set(both) & set(list_folders(tmp_path))


def test_an_archive_too_large_for_memory_is_sorted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = make_twint_days(days=3, per_day=50) + make_twint_days(days=1, per_day=7, language="de")
    file = write_lines(tmp_path / "t.jsonl", rows[::-1])
    whole = make_archive(tmp_path / "whole", file)
    monkeypatch.setattr(runs, "ROWS_IN_MEMORY", 20)
    monkeypatch.setattr(sort, "SMALLEST_PIECE", 1_600)
    in_runs = make_archive(tmp_path / "runs", file)

    same = [
        (
            list(source.search(FIRST_DAY, FIRST_DAY + 3 * DAY)),
            source.read_prepared(FIRST_DAY, FIRST_DAY + DAY, 99),
        )
        for source in (whole, in_runs)
    ]

    assert same[0] == same[1]
    assert len(same[0][0]) == 150
    assert same[0][1].left_out == {"language": 7}


def test_a_tweet_that_comes_twice_counts_once_with_the_most_likes(tmp_path: Path) -> None:
    rows = [make_twint_row(number=1, likes_count=likes) for likes in (2, 9, 4)]
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", rows))

    (tweet,) = source.search(FIRST_DAY, FIRST_DAY + DAY)

    assert tweet.like_count == 9
    assert source.read_prepared(FIRST_DAY, FIRST_DAY + DAY, 9).left_out == {"duplicate": 2}


def test_a_tweet_before_what_the_filters_leave_out_keeps_its_day(tmp_path: Path) -> None:
    first, reply = (
        make_twint_row(FIRST_DAY, 1),
        make_twint_row(FIRST_DAY + 1.5 * DAY, 2, conversation_id="17"),
    )
    last = [make_twint_row(FIRST_DAY + 2 * DAY + number * HOUR, number) for number in (3, 4)]
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", [first, reply, *last]))

    window = source.find_next_window(None, 3)

    assert window == Window(FIRST_DAY, FIRST_DAY + 3 * DAY)
    assert len(list(source.search(*window))) == 3


def test_copies_of_a_tweet_are_one_with_what_is_left_out_around_them(tmp_path: Path) -> None:
    copies = [make_twint_row(FIRST_DAY + HOUR, 1, likes_count=likes) for likes in (2, 9, 4)]
    german = [
        make_twint_row(FIRST_DAY + HOUR + timedelta(milliseconds=ms), 2, language="de") for ms in (-1, 0, 1)
    ]
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", [*copies[:2], *german, copies[2]]))

    (tweet,) = source.search(FIRST_DAY, FIRST_DAY + DAY)

    assert tweet.like_count == 9
    assert source.read_prepared(FIRST_DAY, FIRST_DAY + DAY, 9).left_out == {"language": 3, "duplicate": 2}


def test_of_a_crowded_hour_some_are_drawn_the_same_every_time(tmp_path: Path) -> None:
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", make_twint_days(days=1, per_day=480)))

    drawn = source.read_prepared(FIRST_DAY, FIRST_DAY + DAY, 48)
    hours = {read_field(row, "posted_at")[11:13] for row in drawn.rows.splitlines()}

    assert drawn == source.read_prepared(FIRST_DAY, FIRST_DAY + DAY, 48)
    assert (drawn.count, drawn.rows.count(b"\n")) == (48, 48)
    assert drawn.left_out == {"beyond the share": 432}
    assert len(hours) > 12


def test_bad_rows_are_reported_with_the_good_ones_kept(tmp_path: Path) -> None:
    rows: list[dict[str, Any] | bytes] = [b"oops\n", *make_twint_days(1, 5), make_twint_row(likes_count=-3)]
    source = make_archive(tmp_path, write_lines(tmp_path / "t.jsonl", rows))

    assert len(list(source.search(FIRST_DAY, FIRST_DAY + DAY))) == 5
    assert source.bad_rows == {"broken JSON": 1, "likes_count negative or absurd": 1}
    assert source.bad_places == {
        "broken JSON": [f"{tmp_path}/t.jsonl:1"],
        "likes_count negative or absurd": [f"{tmp_path}/t.jsonl:7"],
    }


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
        make_archive(tmp_path, paths).find_next_window(None, 10)


@pytest.mark.parametrize("data", [b"", b"oops\n", b"\x1f\x8b\x08\x00 no gzip", b"id,name\n1,2\n"])
def test_files_with_nothing_usable_are_the_person_s_mistake(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "t.jsonl").write_bytes(data)

    with pytest.raises(UsageError, match=r"no usable tweet in .*t\.jsonl: 1 bad rows|2 bad rows"):
        make_archive(tmp_path, tmp_path / "t.jsonl").find_next_window(None, 10)
