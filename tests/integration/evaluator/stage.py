"""Batches whose truth is known, and models whose skill is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, Literal, cast
from uuid import UUID, uuid4

import numpy as np
from sqlalchemy import insert, select
from viral_common.database.engine import Sessions
from viral_common.database.tables import Batch, Promotion, Training, Tweet, Verdict
from viral_common.errors import ServerAway
from viral_common.events import ModelTrained, Precision, derive_event_id
from viral_common.tweets.features import TweetInput
from viral_evaluator.scoring import Scored

DAY = datetime(2026, 1, 1, tzinfo=UTC)
# Every test tweet is viral or not by turns; a model's skill is how far it leans towards the truth.
TWEETS = 400


@dataclass
class Models:
    """Stands in for the scorer and for MLflow: a skill by artefact, or an error to raise."""

    skill: dict[str, float | Exception] = field(default_factory=dict)
    int8: dict[str, float] = field(default_factory=dict)
    """The skill of an artefact's int8 graph, where it has one."""
    served_in: list[tuple[str, Precision]] = field(default_factory=list)
    scored: list[str] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    told: dict[int, str] = field(default_factory=dict)
    away: bool = False
    faults: list[Exception] = field(default_factory=list)
    """What MLflow answers to the next calls."""
    thresholds: dict[str, int] = field(default_factory=dict)
    called_from: float = 0.5

    def score(self, uri: str, _sha256: str, tweets: Sequence[TweetInput], precision: Precision) -> Scored:
        self.served_in.append((uri, precision))
        return self._score_sample(uri, tweets, self.skill[uri] if precision == "fp32" else self.int8[uri])

    def score_each(self, uri: str, _sha256: str, tweets: Sequence[TweetInput]) -> dict[Precision, Scored]:
        self.scored.append(uri)
        scored: dict[Precision, Scored] = {"fp32": self._score_sample(uri, tweets, self.skill[uri])}
        return scored | (
            {"int8": self._score_sample(uri, tweets, self.int8[uri])} if uri in self.int8 else {}
        )

    def _score_sample(self, uri: str, tweets: Sequence[TweetInput], skill: float | Exception) -> Scored:
        if isinstance(skill, Exception):
            raise skill
        truth = np.array([tweet.text.startswith("viral") for tweet in tweets])
        noise = np.random.default_rng(len(uri)).normal(scale=0.5, size=len(tweets))
        logit = skill * np.where(truth, 1.0, -1.0) + noise
        spec = SimpleNamespace(
            likes_threshold=self.thresholds.get(uri, 0),
            decision_threshold=self.called_from,
            training=SimpleNamespace(viral_rate=0.5),
        )
        return Scored(cast(Any, spec), 1 / (1 + np.exp(-logit)))

    def record_verdict(self, version: int, verdict: Verdict) -> None:
        if self.faults:
            raise self.faults.pop()
        self.told[version] = verdict.outcome

    def set_alias(self, alias: Literal["champion", "challenger"], version: int) -> None:
        if self.away:
            raise ServerAway("MLflow does not answer")
        if self.faults:
            raise self.faults.pop()
        self.aliases[alias] = version


def trained(db: Sessions, version: int, tweets: int = TWEETS, viral: str = "both") -> ModelTrained:
    """A collected batch of test tweets and a registered version."""
    batch_id, event_id = uuid4(), uuid4()
    run = {"mlflow_run_id": f"run {version}", "artifact_uri": f"model {version}", "artifact_sha256": "a" * 64}
    with db.begin() as session:
        session.add(
            Batch(
                id=batch_id,
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
            session.execute(insert(Tweet), [tweet(batch_id, n, viral) for n in range(tweets)])
        session.add(
            Training(
                event_id=event_id,
                batch_id=batch_id,
                model_version=version,
                metrics={"auc": 0.6},
                started_at=DAY,
                **run,
            )
        )
    return ModelTrained(
        id=derive_event_id(event_id, "model.trained"),
        batch_id=batch_id,
        model_version=version,
        metrics={},
        **run,
    )


def tweet(batch_id: UUID, number: int, viral: str) -> dict[str, Any]:
    is_viral = {"both": number % 2 == 0, "nine": number < 9, "all": True, "none": False}[viral]
    return {
        "source": "archive",
        "external_id": f"{batch_id}-{number}",
        "batch_id": batch_id,
        "posted_at": DAY,
        "author_id": "1",
        "username": "one",
        "text": f"{'viral' if is_viral else 'quiet'} {number}",
        "language": "en",
        "like_count": 30 if is_viral else 0,
        **dict.fromkeys(["retweet_count", "reply_count", "photos_count", "hashtags_count"], 0),
        **dict.fromkeys(["mentions_count", "urls_count", "word_count"], 0),
        "has_video": False,
        "is_quote": False,
        "counts_observed_at": None,
        "text_hash": number,
        "near_hash": number,
        "split": "test",
    }


def rows(db: Sessions, table: type[Verdict] | type[Promotion]) -> list[Any]:
    with db() as session:
        return list(session.scalars(select(table)))
