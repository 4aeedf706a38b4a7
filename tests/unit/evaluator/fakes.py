"""Stand in for Postgres, MLflow and the scorer: made-up models whose skill is known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Literal, cast
from uuid import UUID, uuid4

import numpy as np
from viral_common.database.tables import Promotion, Training, Verdict
from viral_common.errors import ArtefactError, NotYet, ServerAway, Unusable
from viral_common.events import ModelTrained, Precision, derive_event_id
from viral_common.tweets.features import TweetInput
from viral_common.tweets.label_rule import LabelRule
from viral_common.tweets.text import Split
from viral_common.tweets.tweet import LabelledTweet, take_inputs
from viral_evaluator.challenges import Challenge
from viral_evaluator.held_out import HeldOutTweets
from viral_evaluator.scoring import Scored

DAY = datetime(2026, 1, 1, tzinfo=UTC)
# Every other test tweet is viral; a model's skill is how far it leans towards the truth.
TWEETS = 400


@dataclass
class FakeModels:
    """Stands in for the scorer and for MLflow: a skill by artefact, or an error to raise."""

    skill: dict[str, float | Exception] = field(default_factory=dict)
    int8: dict[str, float] = field(default_factory=dict)
    """The skill of an artefact's int8 graph, where it has one."""
    served_in: list[tuple[str, Precision]] = field(default_factory=list)
    scored: list[str] = field(default_factory=list)
    aliases: dict[str, int] = field(default_factory=dict)
    shown: dict[int, str] = field(default_factory=dict)
    shown_at: dict[int, datetime] = field(default_factory=dict)
    away: bool = False
    faults: list[Exception] = field(default_factory=list)
    """What MLflow answers to the next calls."""
    thresholds: dict[str, int] = field(default_factory=dict)
    decision_threshold: float = 0.5
    refused: ArtefactError | None = None
    """Of the champion, if nobody signed it, say."""

    def score(self, champion: Promotion, tweets: HeldOutTweets) -> Scored:
        if self.refused is not None:
            raise self.refused
        uri, precision = champion.artifact_uri, champion.precision
        self.served_in.append((uri, precision))
        return self._predict(uri, tweets, self.skill[uri] if precision == "fp32" else self.int8[uri])

    def score_each(self, training: Training, tweets: HeldOutTweets) -> dict[Precision, Scored]:
        uri = training.artifact_uri
        self.scored.append(uri)
        scored: dict[Precision, Scored] = {"fp32": self._predict(uri, tweets, self.skill[uri])}
        return scored | ({"int8": self._predict(uri, tweets, self.int8[uri])} if uri in self.int8 else {})

    def _predict(self, uri: str, tweets: HeldOutTweets, skill: float | Exception) -> Scored:
        if isinstance(skill, Exception):
            raise skill
        asked = [*tweets.inputs, *take_inputs(tweets.paired)]
        truth = np.array([tweet.text.startswith("viral") for tweet in asked])
        noise = np.random.default_rng(len(uri)).normal(scale=0.5, size=len(truth))
        logit = skill * np.where(truth, 1.0, -1.0) + noise
        spec = SimpleNamespace(
            likes_threshold=self.thresholds.get(uri, 0),
            decision_threshold=self.decision_threshold,
            training=SimpleNamespace(viral_rate=0.5),
        )
        probabilities, paired = np.split(1 / (1 + np.exp(-logit)), [len(tweets.inputs)])
        return Scored(cast(Any, spec), probabilities, paired, paired)

    def record_verdict(self, version: int, verdict: Verdict) -> None:
        if self.faults:
            raise self.faults.pop()
        self.shown[version], self.shown_at[version] = verdict.outcome, verdict.created_at

    def set_alias(self, alias: Literal["champion", "challenger"], version: int) -> None:
        if self.away:
            raise ServerAway("MLflow does not answer")
        if self.faults:
            raise self.faults.pop()
        self.aliases[alias] = version


def is_viral(number: int, viral: str) -> bool:
    return {"both": number % 2 == 0, "nine": number < 9, "all": True, "none": False}[viral]


@dataclass
class FakeTweets:
    """Holds each batch's test tweets in memory."""

    by_batch: dict[UUID, list[LabelledTweet]] = field(default_factory=dict)

    def read_labelled(self, batch_ids: Sequence[UUID], split: Split, rule: LabelRule) -> list[LabelledTweet]:
        assert split == "test"
        return [tweet for one in batch_ids for tweet in self.by_batch[one]]


@dataclass
class FakeChallenges:
    """Keeps trainings, verdicts and promotions in memory, as Postgres would."""

    models: FakeModels
    trainings: dict[int, Training] = field(default_factory=dict)
    verdicts: dict[UUID, Verdict] = field(default_factory=dict)
    promotions: list[Promotion] = field(default_factory=list)
    tweets: FakeTweets = field(default_factory=FakeTweets)
    reads: int = 0
    writes: int = 0

    def read_challenge(self, event: ModelTrained) -> Challenge:
        self.reads += 1
        training = self.trainings.get(event.model_version)
        if training is None:
            raise Unusable(f"no training registered version {event.model_version}")
        known = Challenge(training)
        if name := known.find_difference(event):
            raise Unusable(f"{name} is not what the training of version {event.model_version} recorded")
        judged = {one.challenger_version for one in self.verdicts.values()}
        by_event = {one.event_id: one for one in self.promotions}
        return Challenge(
            training,
            verdict=self.verdicts.get(known.event_id),
            promotion=by_event.get(known.promotion_event_id),
            champion=self.champion,
            unjudged=[
                one for one in sorted(self.trainings) if one < event.model_version and one not in judged
            ],
        )

    def settle(self, verdict: Verdict, promotion: Promotion | None, champion: Promotion | None) -> Verdict:
        self.writes += 1
        if self.champion is not champion:
            raise NotYet("the champion changed while the challenger was scored")
        self.verdicts[verdict.event_id] = verdict
        if promotion is not None:
            self.promote(promotion)
        return verdict

    def record_failure(self, verdict: Verdict) -> None:
        self.writes += 1
        self.verdicts.setdefault(verdict.event_id, verdict)

    def promote(self, promotion: Promotion) -> None:
        promotion.seq, promotion.promoted_at = len(self.promotions) + 1, datetime.now(UTC)
        promotion.note = promotion.note or ""
        self.promotions.append(promotion)

    @property
    def champion(self) -> Promotion | None:
        return self.promotions[-1] if self.promotions else None

    def follow(self) -> None:
        """Stands in for the alias's follower too."""
        if self.champion is not None:
            self.models.set_alias("champion", self.champion.model_version)

    def add_training(
        self, version: int, tweets: int = TWEETS, viral: str = "both", authors: int = 100
    ) -> ModelTrained:
        """A collected batch of test tweets, by so many authors in turn, and a registered version."""
        training = make_training(uuid4(), version)
        self.trainings[version] = training
        self.tweets.by_batch[training.batch_id] = [
            LabelledTweet(
                TweetInput(f"{'viral' if viral_one else 'quiet'} {number}", DAY),
                30 * viral_one,
                viral_one,
                f"author {number // 2 % authors}",
            )
            for number in range(tweets)
            for viral_one in [is_viral(number, viral)]
        ]
        return make_event(training)


def make_training(batch_id: UUID, version: int) -> Training:
    return Training(
        event_id=uuid4(),
        batch_id=batch_id,
        model_version=version,
        mlflow_run_id=f"run {version}",
        artifact_uri=f"model {version}",
        artifact_sha256="a" * 64,
        metrics={"auc": 0.6},
        started_at=DAY,
    )


def make_event(training: Training) -> ModelTrained:
    """The event that announces it."""
    return ModelTrained(
        id=derive_event_id(training.event_id, "model.trained"),
        batch_id=training.batch_id,
        model_version=training.model_version,
        mlflow_run_id=training.mlflow_run_id,
        artifact_uri=training.artifact_uri,
        artifact_sha256=training.artifact_sha256,
        metrics={},
    )
