"""Test what is said of that which keeps a scraper waiting."""

from __future__ import annotations

import errno
import os
import re

import psycopg2.errorcodes
import pytest
from sqlalchemy.exc import OperationalError
from structlog.testing import capture_logs
from viral_scraper.collecting.outages import Outages, explain_error
from viral_scraper.sources.retries import SourceAway


class Full(Exception):
    """Raise what the driver reports of a server without room."""

    pgcode = psycopg2.errorcodes.DISK_FULL


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (SourceAway("X does not deliver"), "^X does not deliver$"),
        (OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/data/rows"), "^no room on the disk .*/data/rows"),
        (OSError(errno.EDQUOT, os.strerror(errno.EDQUOT)), "^no room on the disk .*quota"),
        (
            OperationalError("INSERT", {}, Full("could not extend file\nHINT: free")),
            "^Postgres has no room on its",
        ),
        (OperationalError("SELECT", {}, Exception("connection refused")), "^Postgres does not answer"),
        (ValueError("what?"), "tried again: ValueError"),
    ],
)
def test_the_reason_is_one_line(error: Exception, says: str) -> None:
    reason = explain_error(error)

    assert "\n" not in reason
    assert re.search(says, reason)


def test_waits_grow_up_to_the_most_and_begin_anew() -> None:
    outages = Outages(most_s=20)

    waits = [outages.record("collecting", "away") for _ in range(12)]
    outages.end("collecting")
    again = outages.record("collecting", "away")

    assert waits[0] <= 2
    assert all(10 < wait <= 20 for wait in waits[-6:])
    assert again <= 2


def test_it_says_since_when_and_how_often_and_logs_a_reason_once() -> None:
    outages = Outages(most_s=1)

    with capture_logs() as logs:
        for _ in range(3):
            outages.record("collecting", "X is away")
        lines = outages.describe()
        outages.end("collecting")

    assert len(lines) == 1
    assert lines[0].startswith("X is away (since 20")
    assert lines[0].endswith("UTC, tried 3 times)")
    assert [line["event"] for line in logs] == ["waiting", "goes on"]
    assert outages.describe() == []
