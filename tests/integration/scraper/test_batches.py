"""Test batches in a real database."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text, update
from viral_common.database.engine import Sessions
from viral_common.database.tables import Tweet
from viral_common.events import BatchCollected, CloudEvent, derive_event_id
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import choose_split, compute_copy_hash
from viral_scraper.collecting import collector as collector_module
from viral_scraper.stores.copy_row import prepare

from tests.factories import FIRST_DAY, make_twint_days, make_twint_row
from tests.integration.scraper.collecting import (
    collect_all,
    make_collector,
    read_events,
    read_outcome,
    read_tweets,
)

DAY = timedelta(days=1)
ONE_DAY_OLD = timedelta(hours=24)


def test_an_archive_becomes_full_batches_in_time_order(db: Sessions, tmp_path: Path) -> None:
    batches = collect_all(make_collector(db, tmp_path, make_twint_days(days=7, per_day=100), batch_size=250))

    assert [batch.tweet_count for batch in batches] == [250, 250, 100]
    assert [batch.window_from for batch in batches] == [FIRST_DAY, FIRST_DAY + 3 * DAY, FIRST_DAY + 6 * DAY]
    assert [batch.filtered.get("beyond the target", 0) <= 50 for batch in batches] == [True] * 3
    assert len(read_tweets(db)) == 600


def test_a_day_with_more_than_a_batch_is_sampled_from_all_its_hours(db: Sessions, tmp_path: Path) -> None:
    rows = make_twint_days(days=1, per_day=6_000)

    (batch,) = collect_all(make_collector(db, tmp_path, rows, batch_size=3_000))

    assert batch.tweet_count == 3_000
    assert len({tweet.posted_at.hour for tweet in read_tweets(db)}) >= 10


def test_a_batch_is_announced_with_its_figures(db: Sessions, tmp_path: Path) -> None:
    (batch,) = collect_all(make_collector(db, tmp_path, make_twint_days(days=1, per_day=300), batch_size=300))

    (message,) = read_events(db)
    event = CloudEvent.model_validate_json(message.body).to_event()

    assert isinstance(event, BatchCollected)
    assert event.id == derive_event_id(batch.id, "batch.collected")
    assert (event.source, event.query, event.tweet_count) == ("archive", "test", 300)
    assert event.train_count + event.test_count + batch.validation_count == 300
    assert event.viral_rate == sum(number % 3 > 0 for number in range(300)) / 300


def test_no_text_of_a_tweet_is_in_its_batchs_event(db: Sessions, tmp_path: Path) -> None:
    rows = make_twint_days(days=1, per_day=30, tweet="Whisper of subject", username="whisperer")

    collect_all(make_collector(db, tmp_path, rows, batch_size=30))

    (message,) = read_events(db)
    assert b"hisper" not in message.body
    assert "hisper" not in str(message.headers)


def test_what_is_left_out_is_counted_by_reason(db: Sessions, tmp_path: Path) -> None:
    good = make_twint_days(days=1, per_day=50)
    copies = make_twint_days(days=1, per_day=7, tweet="the same again https://t.co/x", urls=["https://x"])
    rows = [
        *good,
        *copies,
        good[0],
        make_twint_row(FIRST_DAY, 101, language="de"),
        make_twint_row(FIRST_DAY, 102, conversation_id="7"),
        make_twint_row(FIRST_DAY, 103, retweet=True),
        make_twint_row(FIRST_DAY, 104, tweet=" "),
    ]

    (batch,) = collect_all(make_collector(db, tmp_path, rows, batch_size=1_000))

    assert batch.tweet_count == 51
    assert batch.filtered == {"duplicate": 7, "language": 1, "reply": 1, "retweet": 1, "empty": 1}


def test_texts_that_differ_in_trifles_are_kept_once(db: Sessions, tmp_path: Path) -> None:
    texts = [
        "Oil prices are going up again, and nobody knows why",
        "oil prices are going up again, and nobody knows WHY https://t.co/x",
        "Oil prices are going up again... and nobody knows why!!! 😀",
        "#Oil prices are going up again and nobody knows why",
        "Oil prices are going up again, and nobody knows why 2",
    ]
    rows = [make_twint_row(FIRST_DAY, number, tweet=text) for number, text in enumerate(texts)]

    (batch,) = collect_all(make_collector(db, tmp_path, rows, batch_size=100))

    assert {tweet.text for tweet in read_tweets(db)} == {texts[0], texts[4]}
    assert batch.filtered == {"duplicate": 1, "near-duplicate": 2}


def test_a_burst_does_not_drown_the_rest_of_the_day(db: Sessions, tmp_path: Path) -> None:
    noon = FIRST_DAY + DAY / 2
    burst = [make_twint_row(noon + timedelta(seconds=number), 10_000 + number) for number in range(600)]
    rows = [*make_twint_days(days=1, per_day=600), *burst]

    (batch,) = collect_all(make_collector(db, tmp_path, rows, batch_size=500))

    in_burst = sum(noon <= tweet.posted_at < noon + timedelta(seconds=600) for tweet in read_tweets(db))
    assert batch.tweet_count == 500
    assert 0 < in_burst <= 3 * 50 + 10
    assert batch.filtered["beyond the share"] >= 400


def test_a_batch_that_the_shares_leave_unfilled_takes_more_of_crowded_intervals(
    db: Sessions, tmp_path: Path
) -> None:
    burst = [make_twint_row(FIRST_DAY + timedelta(seconds=number), number) for number in range(200)]

    (batch,) = collect_all(make_collector(db, tmp_path, burst, batch_size=150))

    assert batch.tweet_count == len(read_tweets(db)) == 150
    assert sum(batch.filtered.values()) + batch.tweet_count == 200


def test_a_window_without_a_tweet_to_keep_is_closed_in_silence(db: Sessions, tmp_path: Path) -> None:
    (batch,) = collect_all(make_collector(db, tmp_path, make_twint_days(1, 20, language="fr"), batch_size=10))

    assert (batch.tweet_count, batch.viral_rate, batch.filtered) == (0, None, {"language": 20})
    assert batch.collected_at is not None
    assert read_events(db) == []


def test_collecting_again_updates_counts_and_never_duplicates(db: Sessions, tmp_path: Path) -> None:
    (first,) = collect_all(make_collector(db, tmp_path, make_twint_days(1, 40, likes_count=1), batch_size=40))
    before = read_tweets(db)

    (again,) = collect_all(
        make_collector(db, tmp_path, make_twint_days(1, 40, likes_count=9), 40, query="other")
    )

    after = read_tweets(db)
    known = [tweet for tweet in after if tweet.batch_id == first.id]
    assert [tweet.external_id for tweet in known] == [tweet.external_id for tweet in before]
    assert {tweet.like_count for tweet in after} == {9}
    assert again.filtered == {"collected before": 40}


def test_older_counts_do_not_replace_newer_ones(db: Sessions, tmp_path: Path) -> None:
    files = make_collector(db, tmp_path, make_twint_days(2, 10), batch_size=10)
    batch, _ = collect_all(files)
    with db.begin() as session:
        session.execute(update(Tweet).values(like_count=7, counts_observed_at=FIRST_DAY + 5 * DAY))
        session.execute(text("UPDATE batches SET collected_at = NULL"))
        session.execute(text("UPDATE batch_intervals SET stored_at = NULL"))
    read = list(files.source.search(FIRST_DAY, FIRST_DAY + DAY))
    older = [replace(tweet, like_count=5, counts_observed_at=FIRST_DAY + 4 * DAY) for tweet in read[:5]]
    newer = [replace(tweet, like_count=9, counts_observed_at=FIRST_DAY + 6 * DAY) for tweet in read[5:]]

    files.batches.store({0: prepare(older + newer)}, batch.id, share=20)

    assert [tweet.like_count for tweet in read_tweets(db)] == [7] * 5 + [9] * 5 + [7] * 10


def test_copies_stand_on_one_side_of_the_split_in_every_batch(db: Sessions, tmp_path: Path) -> None:
    repeated_daily = [
        row | {"tweet": f"Good morning number {number % 20} https://t.co/{number}", "urls": ["https://x"]}
        for number, row in enumerate(make_twint_days(days=4, per_day=20))
    ]

    batches = collect_all(make_collector(db, tmp_path, repeated_daily, batch_size=20))

    assert len(batches) == 4
    assert all(tweet.split == choose_split(compute_copy_hash(tweet.text)) for tweet in read_tweets(db))
    assert len({(tweet.text_hash, tweet.split) for tweet in read_tweets(db)}) == 20


def test_odd_characters_come_out_as_they_went_in(db: Sessions, tmp_path: Path) -> None:
    texts = [
        "tab\there",
        "back\\slash \\N \\.",
        "\\.",
        "line\r\nbreak",
        "'quote' \"double\"",
        "😀 مرحبا",
        "\\\\t",
    ]
    rows = [make_twint_row(FIRST_DAY, number, tweet=text) for number, text in enumerate(texts)]

    collect_all(make_collector(db, tmp_path, rows, batch_size=100))

    assert {tweet.text for tweet in read_tweets(db)} == set(texts)


def test_stopping_in_the_middle_and_going_on_gives_the_same_batches(
    db: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(collector_module, "STORE_AT_ONCE", 1_000)
    rows = make_twint_days(days=4, per_day=3_000)
    whole = make_collector(db, tmp_path, rows, batch_size=5_000)
    stopping = threading.Event()
    interrupted = make_collector(db, tmp_path, rows, batch_size=5_000)
    interrupted = type(interrupted)(**{**vars(interrupted), "report": lambda *_: stopping.set()})

    assert interrupted.collect_next(stopping) is None
    half = len(read_tweets(db))
    batches = collect_all(whole)

    assert 0 < half < 5_000
    assert [batch.tweet_count for batch in batches] == [5_000, 5_000]


def test_collecting_is_the_same_every_time(db: Sessions, tmp_path: Path) -> None:
    rows = make_twint_days(days=3, per_day=3_000)
    collect_all(make_collector(db, tmp_path, rows, batch_size=4_000))
    first = read_outcome(db)
    empty(db)

    collect_all(make_collector(db, tmp_path, rows, batch_size=4_000))

    assert read_outcome(db) == first


def test_training_reads_only_tweets_whose_likes_had_time(db: Sessions, tmp_path: Path) -> None:
    (batch,) = collect_all(make_collector(db, tmp_path, make_twint_days(1, 200), batch_size=200))
    train = [tweet for tweet in read_tweets(db) if tweet.split == "train"]
    with db.begin() as session:
        young = train[0].posted_at + timedelta(hours=23)
        mature = train[1].posted_at + timedelta(hours=24)
        key = Tweet.external_id
        session.execute(update(Tweet).where(key == train[0].external_id).values(counts_observed_at=young))
        session.execute(update(Tweet).where(key == train[1].external_id).values(counts_observed_at=mature))

    labelled = TweetStore(db).read_labelled([batch.id], "train", LabelRule(1, ONE_DAY_OLD))

    assert [tweet.input.text for tweet in labelled] == [tweet.text for tweet in train[1:]]
    assert [tweet.viral for tweet in labelled] == [tweet.like_count > 1 for tweet in train[1:]]
    assert labelled[0].input.created_at == train[1].posted_at


def test_the_window_is_the_batch_and_those_before_it(db: Sessions, tmp_path: Path) -> None:
    batches = collect_all(make_collector(db, tmp_path, make_twint_days(days=5, per_day=10), batch_size=10))
    tweets = TweetStore(db)

    window = tweets.find_window(batches[3], 3)

    assert [batch.id for batch in window] == [batch.id for batch in batches[1:4]]
    assert [batch.id for batch in tweets.find_window(batches[0], 7)] == [batches[0].id]
    found = tweets.find_batch(batches[2].id)
    assert found is not None
    assert found.tweet_count == 10


def empty(db: Sessions) -> None:
    """Empty the tables, as if nothing had been collected."""
    with db.begin() as session:
        session.execute(text("TRUNCATE tweets, batch_intervals, batches, outbox CASCADE"))
