"""Test that files of every kind and damage become rows."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pytest
from viral_common.archive.bad_rows import NAMED, BadRows
from viral_common.archive.lines import LONGEST_LINE
from viral_common.archive.reader import read_rows
from viral_common.errors import UsageError

GOOD = b'{"id": 1, "tweet": "good"}\n'


def read(path: Path) -> tuple[list[tuple[int, object]], list[str]]:
    """Read (line, tweet) of each row, and `line: reason` of each bad one."""
    bad = BadRows()
    rows = [(line, row.tweet) for _, line, row in read_rows(path, bad)]
    return rows, list_places(bad)


def list_places(bad: BadRows) -> list[str]:
    """List `line: reason`, in the order of the lines."""
    found = [
        (int(place.rpartition(":")[2]), reason) for reason, named in bad.places.items() for place in named
    ]
    return [f"{line}: {reason}" for line, reason in sorted(found)]


def write_file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("name", ["tweets.jsonl", "tweets.csv", "tweets.gz", "tweets"])
def test_the_content_tells_the_format_not_the_name(tmp_path: Path, name: str) -> None:
    plain = write_file(tmp_path / f"a-{name}", GOOD)
    packed = write_file(tmp_path / f"b-{name}", gzip.compress(GOOD))
    table = write_file(tmp_path / f"c-{name}", b"id,tweet\n1,good\n")

    assert read(plain) == ([(1, "good")], [])
    assert read(packed) == ([(1, "good")], [])
    assert read(table) == ([(2, "good")], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": 1, "tweet": "ha\n', "broken JSON"),
        (b"\x00\x00\x00\n", "NUL byte"),
        (b'{"id": 1, "tweet": "\xff\xfe"}\n', "invalid UTF-8"),
        (b'["a list"]\n', "not a JSON object"),
        (b"17\n", "not a JSON object"),
        (b"[" * 100_000 + b"\n", "broken JSON"),
        (b'{"tweet": "' + b"x" * LONGEST_LINE + b'"}\n', "line longer than 4 MiB"),
    ],
)
def test_a_bad_line_is_named_and_the_good_ones_are_kept(tmp_path: Path, line: bytes, reason: str) -> None:
    file = write_file(tmp_path / "tweets.jsonl", GOOD + line + GOOD)

    assert read(file) == ([(1, "good"), (3, "good")], [f"2: {reason}"])


def test_blank_lines_and_a_byte_order_mark_are_no_fault(tmp_path: Path) -> None:
    file = write_file(tmp_path / "tweets.jsonl", b"\xef\xbb\xbf" + GOOD + b"\n  \r\n" + GOOD)

    assert read(file) == ([(1, "good"), (4, "good")], [])


def test_half_an_emoji_does_not_cost_the_tweet(tmp_path: Path) -> None:
    file = write_file(tmp_path / "tweets.jsonl", rb'{"id": 1, "tweet": "half \ud83d"}')

    assert read(file) == ([(1, "half \ud83d")], [])


def test_an_empty_file_is_named(tmp_path: Path) -> None:
    assert read(write_file(tmp_path / "a.jsonl", b"")) == ([], ["1: empty file"])
    assert read(write_file(tmp_path / "b.jsonl", gzip.compress(b""))) == ([], ["1: empty file"])


@pytest.mark.parametrize("damage", ["cut", "overwritten"])
def test_the_lines_before_a_damage_in_a_gzip_file_are_kept(tmp_path: Path, damage: str) -> None:
    lines = b"".join(
        json.dumps({"id": n, "tweet": f"{n * 7919} {n * n}"}).encode() + b"\n" for n in range(20_000)
    )
    packed = gzip.compress(lines)
    half = packed[: len(packed) // 2]
    data = half if damage == "cut" else half + b"\xff" * 50 + packed[len(packed) // 2 + 50 :]

    bad = BadRows()
    rows = list(read_rows(write_file(tmp_path / "tweets.jsonl.gz", data), bad))

    assert 5_000 < len(rows) < 20_000
    reason = "gzip file ends early" if damage == "cut" else "gzip file is damaged from here on"
    assert bad.by_reason[reason] == 1


def test_a_file_that_may_not_be_read_is_the_person_s_mistake(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=f"cannot read {tmp_path}: Is a directory"):
        read(tmp_path)


def test_a_csv_record_may_span_lines(tmp_path: Path) -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerows([["id", "tweet"], [1, 'two\nlines, "quoted"'], [2, "next"]])

    rows, bad = read(write_file(tmp_path / "tweets.csv", out.getvalue().encode()))

    assert rows == [(2, 'two\nlines, "quoted"'), (4, "next")]
    assert bad == []


def test_a_lost_quote_in_csv_costs_only_its_own_record(tmp_path: Path) -> None:
    good = "".join(f'{number},"text {number}"\n' for number in range(1_000))
    data = f'id,tweet\n{good}7,"lost\n{good}8,"lost again\n{good}'

    rows, bad = read(write_file(tmp_path / "tweets.csv", data.encode()))

    assert len(rows) == 3_000
    assert [place.split(":")[0] for place in bad] == ["1002", "2003"]


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (b"1\n", "another number of columns than the header"),
        (b"1,2,3\n", "another number of columns than the header"),
        (b"1,a\x00b\n", "NUL byte"),
        (b"1,\xff\n", "invalid UTF-8"),
        (b'1,"a"b"c"\n', "broken CSV"),
    ],
)
def test_a_bad_record_is_named_and_the_good_ones_are_kept(tmp_path: Path, record: bytes, reason: str) -> None:
    file = write_file(tmp_path / "tweets.csv", b"id,tweet\n1,good\n" + record + b"2,good\n")

    assert read(file) == ([(2, "good"), (4, "good")], [f"3: {reason}"])


def test_only_the_first_bad_rows_are_named_but_all_are_counted(tmp_path: Path) -> None:
    bad = BadRows()

    list(read_rows(write_file(tmp_path / "tweets.jsonl", b"oops\n" * 500), bad))

    assert len(bad.places["broken JSON"]) == NAMED
    assert bad.by_reason == {"broken JSON": 500}
