"""Logged predictions in a real Postgres: what is written, what is not, and what happens while it is away."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from viral_common.database.engine import Sessions, connect, make_sessions
from viral_common.database.tables import Batch
from viral_common.settings import CommonSettings
from viral_common.stores.champion import Champion
from viral_common.tweets.features import (
    FEATURES,
    PROFILE_FEATURES,
    AuthorHistory,
    TweetInput,
    compute_feature_matrix,
)
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.profile import AuthorProfile
from viral_gateway.monitoring import prediction_log
from viral_gateway.monitoring.live_drift import LiveTraffic
from viral_gateway.monitoring.prediction_log import PredictionLog
from viral_gateway.records import Records
from viral_gateway.serving.champion import Serving
from viral_gateway.stores import predictions
from viral_gateway.stores.predictions import LoggedPrediction

from tests.integration.gateway.processes import NOWHERE
from tests.integration.trainer.data.test_tweet_files import DAY, make_tweets, store_and_read
from tests.unit.gateway.fakes import FakeModel, make_champion, make_settings

NOW = datetime(2026, 11, 23, 12, 34, 56, tzinfo=UTC)
TWEETS = [
    TweetInput(
        "the secret text #one https://example.org",
        NOW,
        2,
        True,
        False,
        "somebody7",
        AuthorHistory(9, 8, 5, 4.0),
        AuthorProfile(followers=1_234, created_at=datetime(2015, 3, 1, tzinfo=UTC)),
    ),
    TweetInput("nobody named as its author", NOW),
]


def make_log(db: Sessions, **settings: object) -> PredictionLog:
    return PredictionLog(db, make_settings(log_predictions=True, **settings))


def count_dropped(reason: str) -> float:
    name = "viral_gateway_predictions_not_remembered_total"
    return REGISTRY.get_sample_value(name, {"reason": reason}) or 0.0


def test_numbers_and_the_minute_are_written_neither_text_nor_name_nor_profile(db: Sessions) -> None:
    log = make_log(db)

    log.record(7, TWEETS, [0.25, 0.75])
    log.write()

    with db.begin() as session:
        rows = [str(row) for row in session.execute(text("SELECT row_to_json(p) FROM predictions p"))]
        live = predictions.read_recent_predictions(session, 7, 10)
        other = predictions.read_recent_predictions(session, 8, 10)
    assert len(rows) == 2
    assert not [row for row in rows for word in ("secret", "somebody", "nobody", "example") if word in row]
    assert live
    assert live.since.second == live.since.microsecond == 0
    assert sorted(live.probabilities) == [0.25, 0.75]
    order = np.argsort(live.probabilities)
    written = compute_feature_matrix(TWEETS)
    written[:, [FEATURES.index(name) for name in PROFILE_FEATURES]] = np.nan
    assert np.array_equal(live.features[order], written, equal_nan=True)
    assert other is None


def test_only_the_drawn_share_is_written(db: Sessions) -> None:
    log = make_log(db, log_predictions_share=0.3)

    log.record(7, TWEETS * 500, [0.5] * 1_000)
    log.write()

    with db.begin() as session:
        live = predictions.read_recent_predictions(session, 7, 5_000)
    assert live
    assert 220 < live.count < 380


def test_old_rows_are_deleted_also_when_nothing_is_logged(
    db: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prediction_log, "DELETE_AT_ONCE", 2)
    ages = [timedelta(days=days) for days in (1, 29, 31, 40, 50, 60, 70)]
    with db.begin() as session:
        now = datetime.now(UTC)
        predictions.add_predictions(session, [LoggedPrediction(now - age, 7, TWEETS[0], 0.5) for age in ages])

    PredictionLog(db, make_settings()).delete_old(threading.Event())

    with db.begin() as session:
        live = predictions.read_recent_predictions(session, 7, 10)
    assert live
    assert live.count == 2


def test_while_postgres_is_away_predictions_are_dropped_and_counted(settings: CommonSettings) -> None:
    away = settings.model_validate({**settings.model_dump(), "database_url": f"postgresql://v@{NOWHERE}/v"})
    engine = connect(away, "tests")
    log = make_log(make_sessions(engine))
    before = count_dropped("postgres away")

    log.record(7, TWEETS, [0.25, 0.75])
    log.write()
    log.delete_old(threading.Event())

    assert count_dropped("postgres away") == before + 2
    log.write()
    assert count_dropped("postgres away") == before + 2
    engine.dispose()


def test_live_traffic_is_compared_with_the_test_tweets_of_the_champions_batch(db: Sessions) -> None:
    store_and_read(db, make_tweets(1_200))
    with db.begin() as session:
        batch_id = session.query(Batch).one().id
        tweets = predictions.read_test_tweets(session, batch_id, 1_000, LabelRule(0, DAY))
        again = predictions.read_test_tweets(session, batch_id, 1_000, LabelRule(0, DAY))
    assert 100 < len(tweets) < 300
    assert tweets == again
    assert any(tweet.author and tweet.author.tweets for tweet in tweets)
    log, live = make_log(db), LiveTraffic(Records(db), DAY)
    same, shouting = (Serving(make_promoted(version, batch_id), FakeModel()) for version in (3, 4))

    log.record(3, tweets, [0.5] * len(tweets))
    log.record(4, [TweetInput("word " * 50, tweet.created_at) for tweet in tweets], [0.9] * len(tweets))
    log.write()

    found, moved = live.measure_drift(same), live.measure_drift(shouting)
    assert found
    assert found.drift
    assert found.drift.reading == "stable"
    assert found.count == found.newest == len(tweets)
    assert {shift.feature for shift in found.drift.shifts} == {"probability", *FEATURES} - set(
        PROFILE_FEATURES
    )
    assert moved
    assert moved.drift
    assert moved.drift.reading == "moved"
    shifts = {shift.feature: shift.reading for shift in moved.drift.shifts}
    assert (shifts["word_count"], shifts["probability"], shifts["author_known"]) == ("moved",) * 3
    assert "author_likes" not in shifts
    assert live.measure_drift(Serving(make_promoted(9, batch_id), FakeModel())) is None


def make_promoted(version: int, batch_id: UUID) -> Champion:
    return make_champion(version).model_copy(update={"batch_id": batch_id})
