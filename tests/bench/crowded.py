"""A database as full as after years: invented tweets over thirty months, by authors of whom few write much."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Engine, text
from viral_common.database.engine import Sessions, make_sessions
from viral_common.database.tables import Tweet
from viral_scraper.stores.partitions import add_months, find_next_month

SOURCE = "archive"
MONTHS = 30
FIRST_MONTH = date(2024, 1, 1)
START = datetime(2024, 1, 1, tzinfo=UTC)
END = START + timedelta(days=910)
PER_BATCH = 50_000
# Every fiftieth tweet is by one author: 100,000 of five million.
BUSIEST = "user0"


def fill(engine: Engine, count: int) -> Sessions:
    """`count` tweets instead of those that were there, with all indexes, vacuumed and analysed."""
    db = make_sessions(engine)
    months = [FIRST_MONTH]
    while len(months) < MONTHS:
        months.append(find_next_month(months[-1]))
    add_months(db, months)
    with engine.begin() as connection:
        connection.execute(text("TRUNCATE tweets, batches, author_profiles CASCADE"))
        connection.execute(text("SET LOCAL maintenance_work_mem = '256MB'"))
        for index in Tweet.__table__.indexes:  # type: ignore[attr-defined]
            index.drop(connection)
        connection.execute(_TWEETS, {"count": count, "start": START, "step": (END - START) / count})
        for index in Tweet.__table__.indexes:  # type: ignore[attr-defined]
            index.create(connection)
        connection.execute(_PROFILES)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM (ANALYZE) tweets, author_profiles"))
    return db


def newest_batch(db: Sessions, count: int) -> UUID:
    """The last whole batch of 50,000 tweets."""
    with db() as session:
        number = count // PER_BATCH - 1
        batch: UUID = session.scalars(
            text("SELECT CAST(md5(:name) AS uuid)"), {"name": f"batch {number}"}
        ).one()
        return batch


# Of three million authors the n-th most diligent writes in proportion to 1 / (n + 100), so that the first of them write
# some 5,000 of five million tweets each, and most only one. A text has about the length of a real archive's.
_TWEETS = text(
    f"""
    INSERT INTO tweets (
        source, external_id, batch_id, posted_at, author_id, username, text, language, like_count, retweet_count,
        reply_count, photos_count, has_video, hashtags_count, mentions_count, urls_count, word_count, is_quote,
        counts_observed_at, text_hash, split, near_hash
    )
    SELECT
        '{SOURCE}', CAST(1742000000000000000 + n * 15000000000 AS text),
        CAST(md5('batch ' || n / {PER_BATCH}) AS uuid), :start + n * CAST(:step AS interval),
        CAST(1000000000 + author AS text), 'user' || author, repeat(md5(CAST(n AS text)), 5), 'en',
        CAST(floor(1 / sqrt(1 - luck)) - 1 AS bigint), 0, 0, n % 3, n % 11 = 0, n % 2, n % 2, n % 2, 20, false,
        :start + n * CAST(:step AS interval) + interval '1 day', n * 7919,
        CASE WHEN n * 7919 % 100 < 70 THEN 'train' WHEN n * 7919 % 100 < 85 THEN 'validation' ELSE 'test' END, n * 7919
    FROM (
        SELECT n, random() AS luck,
            CASE WHEN n % 50 = 0 THEN 0 ELSE CAST(exp(ln(100) + random() * ln(30000)) AS bigint) END AS author
        FROM (SELECT setseed(0.5)) AS seeded, generate_series(0, CAST(:count AS bigint) - 1) AS n
    ) AS drawn
    """
)

# As a live source gives them: read with the likes.
_PROFILES = text(
    """
    INSERT INTO author_profiles (
        source, author_id, day, read_at, followers, following, posts, favourites, listed, verified, created_at
    )
    SELECT DISTINCT ON (source, author_id, day)
        source, author_id, CAST(counts_observed_at AT TIME ZONE 'UTC' AS date) AS day, counts_observed_at,
        text_hash % 100000, 200, 30000, 4000, 5, false, CAST('2012-01-01' AS timestamptz)
    FROM tweets ORDER BY source, author_id, day, counts_observed_at
    """
)
