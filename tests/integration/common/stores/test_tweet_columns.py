"""Whole batches as columns: every split, no tweet too young, in the order of time; and where their drift is kept."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import get_args

import numpy as np
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from viral_common.database.engine import Sessions
from viral_common.database.tables import Base, Batch, is_partition
from viral_common.stores import ledger
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.features import compute_feature_matrix
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import Split
from viral_common.tweets.tweet import LabelledTweet

from tests.integration.trainer.data.test_tweet_files import DAY, make_tweets, store_and_read


def only_batch(db: Sessions) -> Batch:
    with db.begin() as session:
        (batch,) = session.query(Batch).all()
        batch.collected_at = datetime.now(UTC)
    return batch


def test_columns_hold_what_training_and_evaluation_are_given(db: Sessions) -> None:
    tweets = make_tweets(600)
    store_and_read(db, tweets)
    store, batch = TweetStore(db), only_batch(db)

    columns = store.read_columns([batch.id], LabelRule(1, DAY))

    labelled: dict[Split, list[LabelledTweet]] = {
        split: store.read_labelled([batch.id], split, LabelRule(1, DAY)) for split in get_args(Split)
    }
    for split, expected in labelled.items():
        own = columns.select(columns.splits == split)
        assert own.texts.tolist() == [tweet.input.text for tweet in expected]
        assert own.likes.tolist() == [tweet.like_count for tweet in expected]
        features = compute_feature_matrix([tweet.input for tweet in expected])
        assert np.array_equal(own.features, features, equal_nan=True)
    assert len(columns) == sum(map(len, labelled.values()))
    assert store.count([batch.id]) == len(tweets) > len(columns)
    assert (np.diff(columns.posted_at.astype(np.int64)) >= 0).all()


def test_the_newest_batch_is_the_one_collected_last(db: Sessions) -> None:
    assert TweetStore(db).find_newest_batch() is None
    store_and_read(db, make_tweets(60))
    assert TweetStore(db).find_newest_batch() is None, "it is still being collected"

    batch = only_batch(db)

    newest = TweetStore(db).find_newest_batch()
    assert newest
    assert newest.id == batch.id


def test_a_batchs_drift_is_kept_and_replaced(db: Sessions) -> None:
    store_and_read(db, make_tweets(60))
    batch = only_batch(db)

    for drift in ({"word_count": 0.5}, {"word_count": 0.25}):
        with db.begin() as session:
            ledger.record_drift(session, batch.id, drift)

    found = TweetStore(db).find_batch(batch.id)
    assert found
    assert found.drift == {"word_count": 0.25}


def test_the_migrations_lead_to_the_tables_of_the_code(db: Sessions) -> None:
    with db() as session:
        context = MigrationContext.configure(
            session.connection(),
            opts={"include_name": lambda name, kind, _: kind != "table" or not is_partition(name)},
        )
        differences = compare_metadata(context, Base.metadata)

    assert [one for one in differences if one[0] != "remove_table"] == []
