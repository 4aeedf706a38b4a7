"""Test that each tool's rows tell an author's public counts, and that what cannot be true is unknown and counted."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from viral_common.archive.bad_rows import BadRows
from viral_common.archive.reader import read_tweets
from viral_common.tweets.profile import AuthorProfile

from tests.factories import make_twint_row
from tests.fuzz.archives import make_snscrape_row, make_v1_row, make_x_page

PROFILE = AuthorProfile(
    followers=3,
    following=20,
    posts=300,
    favourites=40,
    listed=5,
    verified=False,
    created_at=datetime(2017, 11, 25, 19, 4, 10, tzinfo=UTC),
)


def read(tmp_path: Path, *rows: dict[str, Any]) -> tuple[list[AuthorProfile | None], BadRows]:
    file = tmp_path / "tweets.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    bad = BadRows()
    return [tweet.profile for tweet in read_tweets(file, bad)], bad


@pytest.mark.parametrize("make_row", [make_snscrape_row, make_x_page, make_v1_row])
def test_the_author_s_counts_are_read_and_nobody_knows_when_they_were_so(
    tmp_path: Path, make_row: Callable[[int], dict[str, Any]]
) -> None:
    profiles, bad = read(tmp_path, make_row(3))

    assert profiles == [PROFILE]
    assert not bad.by_reason


def test_twint_wrote_none(tmp_path: Path) -> None:
    assert read(tmp_path, make_twint_row())[0] == [None]


@pytest.mark.parametrize(
    ("field", "value", "reason"),
    [
        ("followersCount", -1, "author's followers negative, absurd or no whole number: taken as unknown"),
        (
            "followersCount",
            "many",
            "author's followers negative, absurd or no whole number: taken as unknown",
        ),
        ("created", "2999-01-01T00:00:00+00:00", "author's account of an impossible age: taken as unknown"),
        ("created", "2001-01-01T00:00:00+00:00", "author's account of an impossible age: taken as unknown"),
        ("created", "yesterday", "author's account with impossible date: taken as unknown"),
        ("verified", "blue", "author's verified is no yes or no: taken as unknown"),
    ],
)
def test_a_value_that_cannot_be_true_is_unknown_and_counted_and_its_row_stays(
    tmp_path: Path, field: str, value: Any, reason: str
) -> None:
    rows = [make_snscrape_row(number) for number in range(3)]
    rows[1]["user"][field] = value

    profiles, bad = read(tmp_path, *rows)

    assert [profile and profile.count_parts() for profile in profiles] == [7, 6, 7]
    assert (bad.by_reason, bad.rows) == ({reason: 1}, 0)
    assert bad.places == {reason: [f"{tmp_path / 'tweets.jsonl'}:2"]}


def test_a_time_without_a_zone_is_utc(tmp_path: Path) -> None:
    row = make_snscrape_row(3)
    row["user"]["created"] = "2017-11-25T19:04:10"

    assert read(tmp_path, row)[0] == [PROFILE]


def test_a_row_that_says_nothing_of_its_author_has_no_profile(tmp_path: Path) -> None:
    row = make_snscrape_row(3)
    row["user"] = {"id": 7, "username": "ada"}
    page = make_x_page(3)
    page["includes"]["users"] = []

    assert read(tmp_path, row)[0] == [None]
    assert read(tmp_path, page)[0] == [None]


def test_rows_that_are_left_out_are_counted_apart_from_values(tmp_path: Path) -> None:
    rows = [make_snscrape_row(number) for number in range(3)]
    rows[0]["user"]["listedCount"] = -5
    rows[1]["likeCount"] = -5

    profiles, bad = read(tmp_path, *rows)

    assert (len(profiles), bad.rows, bad.by_reason.total()) == (2, 1, 2)


def test_a_table_cannot_hold_an_author_s_counts(tmp_path: Path) -> None:
    row = {"id": "1", "tweet": "Tea", "followers_count": 7}
    out = io.StringIO()
    writer = csv.DictWriter(out, {**make_twint_row(), **row})
    writer.writeheader()
    writer.writerow({**make_twint_row(), "followers_count": 7})
    (tmp_path / "tweets.csv").write_text(out.getvalue())

    assert [tweet.profile for tweet in read_tweets(tmp_path / "tweets.csv", BadRows())] == [None]
