"""Errors as one line on the terminal."""

from __future__ import annotations

import psycopg2
import pytest
from sqlalchemy.exc import OperationalError
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import UsageError


@pytest.mark.parametrize(
    "line", ["no file at tweets_[ab].jsonl.gz", "there is no source [/x]", "a :key: and [red]"]
)
def test_an_error_is_printed_as_it_is(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended, print_errors_as_one_line():
        raise UsageError(line)

    assert ended.value.code == 2
    assert capsys.readouterr().err == f"error: {line}\n"


def test_postgres_away_without_a_word_is_told_all_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), print_errors_as_one_line():
        raise OperationalError("SELECT 1", {}, psycopg2.OperationalError())

    assert capsys.readouterr().err.startswith("error: Postgres does not answer (OperationalError); check ")
