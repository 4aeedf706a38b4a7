"""Test tweets by month: each finds its own, new months are made without anybody waiting, old ones go whole."""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import ValidationError
from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch
from viral_scraper.collecting.partition_keeper import PartitionKeeper
from viral_scraper.settings import ScraperSettings
from viral_scraper.stores.batches import BatchStore
from viral_scraper.stores.copy_row import prepare
from viral_scraper.stores.partitions import add_months, analyse_all, drop_old_months, find_month, list_months

from tests.factories import FIRST_DAY, make_snowflake, make_twint_row
from tests.integration.scraper.collecting import collect_all, make_collector, read_tweets

DAY = timedelta(days=1)
A_YEAR = timedelta(days=365)
NOW = datetime(2023, 6, 15, tzinfo=UTC)


def collect_at(db: Sessions, folder: Path, *times: datetime, batch_size: int = 1) -> list[Batch]:
    """Collect batches of tweets posted then."""
    rows = [make_twint_row(at, number) for number, at in enumerate(times)]
    return collect_all(make_collector(db, folder, rows, batch_size))


def count_by_partition(db: Sessions) -> dict[str, int]:
    """Count the tweets in each partition that has any."""
    with db() as session:
        return dict(Counter(session.scalars(text("SELECT tableoid::regclass::text FROM tweets"))))


def read_months(db: Sessions) -> list[date]:
    with db() as session:
        return list_months(session)


def set_collected_at(db: Sessions, moment: datetime) -> None:
    with db.begin() as session:
        session.execute(text("UPDATE batches SET collected_at = :moment"), {"moment": moment})


def test_an_archive_of_years_makes_the_months_it_needs(db: Sessions, tmp_path: Path) -> None:
    last_moment = datetime(2012, 2, 29, 23, 59, 59, 999000, tzinfo=UTC)
    times = [datetime(2011, 12, 31, 23, 59, tzinfo=UTC), last_moment, FIRST_DAY, FIRST_DAY + DAY]

    batches = collect_at(db, tmp_path, *times, batch_size=10)

    assert [batch.tweet_count for batch in batches] == [4]
    assert count_by_partition(db) == {"tweets_2011_12": 1, "tweets_2012_02": 1, "tweets_2022_03": 2}
    assert [tweet.posted_at for tweet in read_tweets(db)] == times


def test_a_tweet_that_comes_again_from_over_a_months_border_is_known(db: Sessions, tmp_path: Path) -> None:
    border = datetime(2022, 4, 1, tzinfo=UTC)
    files = make_collector(db, tmp_path, [make_twint_row(border - timedelta(hours=3))], batch_size=1)
    collect_all(files)
    (tweet,) = files.source.search(border - DAY, border)
    batches = BatchStore(db, "archive", "local times")
    planned = batches.plan(uuid4(), (border, border + DAY), 5, [(border, border + DAY)])
    hours_later = replace(tweet, posted_at=border + timedelta(hours=4), like_count=7)

    batch = batches.store({0: prepare([hours_later])}, planned.id, share=5)

    assert batch.filtered == {"collected before": 1}
    assert [(one.posted_at, one.like_count) for one in read_tweets(db)] == [(tweet.posted_at, 7)]


def test_scrapers_that_need_the_same_new_month_at_once_all_get_it(db: Sessions) -> None:
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: add_months(db, [date(2019, 5, 1), date(2019, 6, 1)]), range(16)))

    assert {date(2019, 5, 1), date(2019, 6, 1)} <= set(read_months(db))


def test_a_month_is_made_while_others_read_and_write(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, FIRST_DAY)

    with db() as busy:
        busy.execute(text("UPDATE tweets SET like_count = 5"))
        add_months(db, [date(2019, 5, 1)])
        busy.commit()

    assert date(2019, 5, 1) in read_months(db)


def test_this_month_and_the_next_are_made_ahead(db: Sessions) -> None:
    PartitionKeeper(db, retention_days=0).keep_partitions(datetime(2030, 12, 31, 23, tzinfo=UTC))

    assert read_months(db)[-2:] == [date(2030, 12, 1), date(2031, 1, 1)]


def test_all_months_are_looked_over_together_once_a_day(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, FIRST_DAY)

    PartitionKeeper(db, retention_days=0).keep_partitions(NOW)

    with db() as session:
        known = text("SELECT attname FROM pg_stats WHERE tablename = 'tweets' AND inherited")
        assert "author_id" in session.scalars(known).all()
    assert not analyse_all(db, DAY)


def test_months_go_whole_once_all_of_them_is_too_old(db: Sessions, tmp_path: Path) -> None:
    old, young = datetime(2022, 5, 31, tzinfo=UTC), NOW - A_YEAR + timedelta(hours=1)
    batches = collect_at(db, tmp_path, old, young)
    set_collected_at(db, NOW - 2 * A_YEAR)

    dropped = drop_old_months(db, A_YEAR, NOW)

    assert dropped == [date(2022, 5, 1)]
    assert [tweet.posted_at for tweet in read_tweets(db)] == [young]
    with db() as session:
        assert [session.get_one(Batch, batch.id).tweet_count for batch in batches] == [1, 1]


def test_old_tweets_collected_lately_stay_as_long_as_others(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, datetime(2012, 2, 1, tzinfo=UTC))
    set_collected_at(db, NOW - A_YEAR + DAY)

    early, late = drop_old_months(db, A_YEAR, NOW), drop_old_months(db, A_YEAR, NOW + 2 * DAY)

    assert (early, late) == ([], [date(2012, 2, 1)])


def test_a_month_that_is_being_collected_stays(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, datetime(2012, 2, 1, tzinfo=UTC))
    with db.begin() as session:
        session.execute(text("UPDATE batches SET collected_at = NULL"))

    assert drop_old_months(db, A_YEAR, NOW) == []


def test_what_was_dropped_can_be_collected_again(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, FIRST_DAY)
    set_collected_at(db, NOW - 2 * A_YEAR)
    drop_old_months(db, timedelta(days=31), NOW)

    collect_all(make_collector(db, tmp_path, [make_twint_row(FIRST_DAY)], batch_size=1, query="again"))

    assert [tweet.external_id for tweet in read_tweets(db)] == [str(make_snowflake(FIRST_DAY))]


def test_a_drop_gives_way_to_readers_and_is_done_the_next_time(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, FIRST_DAY)
    set_collected_at(db, NOW - 2 * A_YEAR)

    with db() as reader:
        reader.execute(text("SELECT * FROM tweets"))
        with pytest.raises(OperationalError, match="lock timeout"):
            drop_old_months(db, A_YEAR, NOW)

    assert drop_old_months(db, A_YEAR, NOW) == [find_month(FIRST_DAY)]


def test_without_a_retention_nothing_is_ever_dropped(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, datetime(2012, 2, 1, tzinfo=UTC))
    set_collected_at(db, datetime(2012, 3, 1, tzinfo=UTC))

    PartitionKeeper(db, retention_days=0).keep_partitions(NOW)

    assert len(read_tweets(db)) == 1


def test_a_scraper_drops_what_its_setting_says(db: Sessions, tmp_path: Path) -> None:
    collect_at(db, tmp_path, datetime(2012, 2, 1, tzinfo=UTC), NOW - 10 * DAY)
    set_collected_at(db, NOW - 32 * DAY)

    PartitionKeeper(db, retention_days=31).keep_partitions(NOW)

    assert [tweet.posted_at for tweet in read_tweets(db)] == [NOW - 10 * DAY]


def test_a_retention_shorter_than_a_training_looks_back_is_refused() -> None:
    urls = {"database_url": "postgresql://", "rabbitmq_url": "amqp://"}

    with pytest.raises(ValidationError, match="at least 31 days, or 0 to keep all tweets"):
        ScraperSettings.model_validate({**urls, "retention_days": 7})
