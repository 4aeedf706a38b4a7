"""Store logged predictions and read the tweets to compare them with, all inside the caller's transaction."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import isnan
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session
from viral_common.database.tables import Batch, Prediction, Tweet
from viral_common.stores.authors import find_authors
from viral_common.tweets.features import FEATURES, PROFILE_FEATURES, TweetInput, compute_feature_matrix
from viral_common.tweets.label_rule import LabelRule

# Counting stops here: nobody needs to know more exactly, and the page is not to wait.
MOST_COUNTED = 100_000


@dataclass(frozen=True)
class LoggedPrediction:
    """Hold one prediction on its way into the table; the tweet's text and names end here."""

    at: datetime
    model_version: int
    tweet: TweetInput
    probability: float


@dataclass(frozen=True)
class RecentPredictions:
    """Hold the newest predictions of one version, beside how many there are in all."""

    count: int
    """At most MOST_COUNTED."""
    since: datetime
    until: datetime
    features: NDArray[np.float32]  # (newest, features), in the order of FEATURES; NaN where nothing is known
    probabilities: NDArray[np.float64]  # (newest,)


# One document for many rows: a parameter of its own for each value would cost the gateway several times the time.
_INSERT = text(
    """
    INSERT INTO predictions (predicted_at, model_version, probability, features)
    SELECT * FROM jsonb_to_recordset(CAST(:made AS jsonb))
        AS made(predicted_at timestamptz, model_version bigint, probability float8, features jsonb)
    """
)


def add_predictions(session: Session, made: Sequence[LoggedPrediction]) -> None:
    """Store their features, probabilities and minutes; nothing of a profile, for counts may tell whose it is."""
    matrix = compute_feature_matrix([one.tweet for one in made])
    rows = [
        {
            "predicted_at": one.at.replace(second=0, microsecond=0).isoformat(),
            "model_version": one.model_version,
            "probability": one.probability,
            "features": _select_features(features),
        }
        for one, features in zip(made, matrix.tolist(), strict=True)
    ]
    session.execute(_INSERT, {"made": json.dumps(rows)})


def delete_old_predictions(session: Session, before: datetime, at_most: int) -> int:
    """Delete the oldest that were made before then; return how many went."""
    old = (
        select(Prediction.seq)
        .where(Prediction.predicted_at < before)
        .order_by(Prediction.predicted_at)
        .limit(at_most)
        .with_for_update(skip_locked=True)
    )
    gone = session.scalars(delete(Prediction).where(Prediction.seq.in_(old)).returning(Prediction.seq))
    return len(gone.all())


def read_recent_predictions(session: Session, model_version: int, newest: int) -> RecentPredictions | None:
    """Read those of one version; None if there are none."""
    own = select(Prediction).where(Prediction.model_version == model_version)
    rows = session.scalars(own.order_by(Prediction.predicted_at.desc()).limit(newest)).all()
    if not rows:
        return None
    since = select(func.min(Prediction.predicted_at)).where(Prediction.model_version == model_version)
    return RecentPredictions(
        count=session.scalar(select(func.count()).select_from(own.limit(MOST_COUNTED).subquery())) or 0,
        since=session.scalars(since).one(),
        until=rows[0].predicted_at,
        features=np.array(
            [[row.features.get(name, np.nan) for name in FEATURES] for row in rows], dtype=np.float32
        ),
        probabilities=np.array([row.probability for row in rows]),
    )


def read_test_tweets(session: Session, batch_id: UUID, count: int, rule: LabelRule) -> list[TweetInput]:
    """Read some test tweets of the batch, always the same, each with what was known of its author before it."""
    columns = Tweet.text, Tweet.posted_at, Tweet.photos_count, Tweet.has_video, Tweet.is_quote, Tweet.username
    of_batch = select(*columns).where(Tweet.batch_id == batch_id, Tweet.split == "test")
    # The order of their texts' hashes is as good as drawn by lot.
    tweets = session.execute(of_batch.order_by(Tweet.text_hash).limit(count)).all()
    if not tweets:
        return []
    asked = [(tweet.username, tweet.posted_at) for tweet in tweets]
    authors = find_authors(session, session.get_one(Batch, batch_id).source, asked, rule)
    return [TweetInput(*tweet, *author) for tweet, author in zip(tweets, authors, strict=True)]


def _select_features(features: Sequence[float]) -> dict[str, float]:
    named = zip(FEATURES, features, strict=True)
    return {name: value for name, value in named if name not in PROFILE_FEATURES and not isnan(value)}
