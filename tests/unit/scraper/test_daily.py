"""Test a time of day to collect at."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from viral_common.errors import UsageError
from viral_common.settings import load_settings
from viral_scraper.daily import Daily
from viral_scraper.settings import ScraperSettings


def make_utc(*when: int) -> datetime:
    return datetime(*when, tzinfo=UTC)  # type: ignore[misc, arg-type]


@pytest.mark.parametrize(
    ("at", "after", "due"),
    [
        ("05:00", make_utc(2026, 11, 24, 4, 59, 59), make_utc(2026, 11, 24, 5)),
        ("05:00", make_utc(2026, 11, 24, 5), make_utc(2026, 11, 25, 5)),
        ("5:00 UTC", make_utc(2026, 11, 24, 12), make_utc(2026, 11, 25, 5)),
        ("05:00 Europe/Berlin", make_utc(2026, 11, 24, 12), make_utc(2026, 11, 25, 4)),
        ("05:00 Europe/Berlin", make_utc(2026, 7, 24, 12), make_utc(2026, 7, 25, 3)),
        # The night in which clocks go forward.
        ("05:00 Europe/Berlin", make_utc(2026, 3, 28, 12), make_utc(2026, 3, 29, 3)),
    ],
)
def test_the_next_run_is_at_that_time_of_day(at: str, after: datetime, due: datetime) -> None:
    assert Daily(at).compute_next_after(after) == due


def test_days_that_were_missed_are_one_run() -> None:
    long_ago, now = make_utc(2026, 11, 20, 5, 10), make_utc(2026, 11, 24, 12)

    missed = Daily("05:00").compute_next_after(long_ago)

    assert missed < now
    assert Daily("05:00").compute_next_after(now) == make_utc(2026, 11, 25, 5)


def test_with_jitter_it_is_a_little_later_and_never_earlier() -> None:
    late = {
        Daily("05:00", jitter_s=600).compute_next_after(make_utc(2026, 11, 24)) - make_utc(2026, 11, 24, 5)
        for _ in range(50)
    }

    assert timedelta(0) <= min(late) < max(late) <= timedelta(minutes=10)
    assert len(late) > 1


@pytest.mark.parametrize(
    ("at", "says"),
    [
        ("25:00", "'25:00' is no time of day; write 05:00"),
        ("5", "'5' is no time of day"),
        ("5 am", "'5 am' is no time of day"),
        ("05:00 Mars/Olympus", "Mars/Olympus is no time zone"),
        ("05:00 ../../etc/passwd", "is no time zone"),
    ],
)
def test_what_is_no_time_of_day_is_named_in_one_line(
    monkeypatch: pytest.MonkeyPatch, at: str, says: str
) -> None:
    monkeypatch.setenv("VIRAL_COLLECT_AT", at)
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://u:p@127.0.0.1/d")
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://u:p@127.0.0.1/v")

    with pytest.raises(UsageError, match=f"VIRAL_COLLECT_AT: .*{says}") as caught:
        load_settings(ScraperSettings)

    assert "\n" not in str(caught.value)


def test_without_a_time_batches_are_collected_all_the_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIRAL_DATABASE_URL", "postgresql://u:p@127.0.0.1/d")
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", "amqp://u:p@127.0.0.1/v")

    assert load_settings(ScraperSettings).daily is None
