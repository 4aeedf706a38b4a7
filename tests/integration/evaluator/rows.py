"""Store batches whose truth is known, and the trainings of made-up models."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import insert, select
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, Promotion, Tweet, Verdict
from viral_common.events import ModelTrained

from tests.unit.evaluator.fakes import DAY, TWEETS, is_viral, make_event, make_training


def store_training(db: Sessions, version: int, tweets: int = TWEETS) -> ModelTrained:
    """Store a collected batch of test tweets and a registered version."""
    training = make_training(uuid4(), version)
    with db.begin() as session:
        session.add(
            Batch(
                id=training.batch_id,
                source="archive",
                query=f"batch {version}",
                window_from=DAY + timedelta(days=version),
                window_to=DAY + timedelta(days=version + 1),
                target=tweets,
                collected_at=datetime.now(UTC),
                tweet_count=tweets,
            )
        )
        session.flush()
        if tweets:
            session.execute(insert(Tweet), [_make_tweet(training.batch_id, n) for n in range(tweets)])
        session.add(training)
    return make_event(training)


def _make_tweet(batch_id: UUID, number: int) -> dict[str, Any]:
    viral = is_viral(number, "both")
    return {
        "source": "archive",
        "external_id": f"{batch_id}-{number}",
        "batch_id": batch_id,
        "posted_at": DAY,
        "author_id": str(number),
        "username": f"author{number}",
        "text": f"{'viral' if viral else 'quiet'} {number}",
        "language": "en",
        "like_count": 30 if viral else 0,
        **dict.fromkeys(["retweet_count", "reply_count", "photos_count", "hashtags_count"], 0),
        **dict.fromkeys(["mentions_count", "urls_count", "word_count"], 0),
        "has_video": False,
        "is_quote": False,
        "counts_observed_at": None,
        "text_hash": number,
        "near_hash": number,
        "split": "test",
    }


def read_rows(db: Sessions, table: type[Verdict] | type[Promotion]) -> list[Any]:
    with db() as session:
        return list(session.scalars(select(table)))
