"""Fake a gateway's surroundings: a model, records and promotions made up for its tests."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
from numpy.typing import NDArray
from sqlalchemy.orm import sessionmaker
from viral_common.artefact.files import ArtefactSpec, Calibration, FeatureScaling, Sample
from viral_common.artefact.likes import DraftsSpec, LikesSpec
from viral_common.artefact.training_summary import TrainingSummary
from viral_common.database.engine import Sessions
from viral_common.database.tables import AuditEntry, Batch, Promotion, Training, Verdict
from viral_common.errors import ServerAway
from viral_common.stores.champion import Champion
from viral_common.stores.trail import BatchTrail, ModelRecord
from viral_common.tweets.features import FEATURES, KnownAuthor, TweetInput
from viral_common.tweets.label_rule import LabelRule
from viral_gateway.gateway import Gateway
from viral_gateway.monitoring.live_drift import LiveTraffic
from viral_gateway.monitoring.prediction_log import PredictionLog
from viral_gateway.prediction.author_cache import AuthorCache
from viral_gateway.prediction.batching import Scoring
from viral_gateway.prediction.predict import PredictionService
from viral_gateway.records import Records
from viral_gateway.serving.announcements import Announcements
from viral_gateway.serving.champion import ModelHolder, Serving
from viral_gateway.settings import GatewaySettings
from viral_gateway.stores.bounded_reads import BoundedReads
from viral_gateway.stores.predictions import RecentPredictions

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
BATCH_ID = UUID(int=2)


class FakeModel:
    """Answer by the words it sees: `good` adds a fifth, `bad` takes one, around its own base."""

    def __init__(self, base: float = 0.5, spec: ArtefactSpec | None = None) -> None:
        self.base = base
        self.spec = spec or make_spec()
        self.calls: list[list[TweetInput]] = []

    def predict(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        self.calls.append(list(tweets))
        return np.array([self._score(tweet.text.split()) for tweet in tweets], dtype=np.float64)

    def predict_log_likes(self, tweets: Sequence[TweetInput]) -> NDArray[np.float64]:
        """Say four times the probability: a word of weight makes a difference of 0.8."""
        return np.array([4 * self._score(tweet.text.split()) for tweet in tweets], dtype=np.float64)

    def _score(self, words: list[str]) -> float:
        return min(1.0, max(0.0, self.base + 0.2 * words.count("good") - 0.2 * words.count("bad")))


class FakeRecords(Records):
    """Say what Postgres would; `away` makes it unreachable."""

    def __init__(self, trails: Sequence[BatchTrail] = (), records: Sequence[ModelRecord] = ()) -> None:
        self.trails, self.records = list(trails), list(records)
        self.newest: Champion | None = None
        self.live: RecentPredictions | None = None
        self.test_tweets: list[TweetInput] = []
        self.authors: dict[str, KnownAuthor] = {}
        self.acts: list[AuditEntry] = []
        self.away = False

    def read_champion(self) -> Champion | None:
        self._ask()
        return self.newest

    def read_models(self, limit: int, offset: int = 0) -> list[ModelRecord]:
        self._ask()
        return self.records[offset : offset + limit]

    def read_batches(self, limit: int, offset: int = 0) -> list[BatchTrail]:
        self._ask()
        return self.trails[offset : offset + limit]

    def read_newest_acts(self, limit: int) -> list[AuditEntry]:
        self._ask()
        return self.acts[:limit]

    def read_recent_predictions(self, model_version: int, newest: int) -> RecentPredictions | None:
        self._ask()
        return self.live

    def read_test_tweets(self, batch_id: UUID, count: int, rule: LabelRule) -> list[TweetInput]:
        self._ask()
        return self.test_tweets[:count]

    def find_authors(
        self, source: str, asked: Sequence[tuple[str, datetime]], rule: LabelRule
    ) -> list[KnownAuthor]:
        self._ask()
        return [self.authors.get(username, KnownAuthor()) for username, _ in asked]

    def _ask(self) -> None:
        if self.away:
            raise ServerAway("Postgres does not answer; check VIRAL_DATABASE_URL")


@dataclass
class FakeGateway:
    """Hold a gateway's surroundings, for tests to change."""

    holder: ModelHolder = field(default_factory=ModelHolder)
    records: FakeRecords = field(default_factory=FakeRecords)
    missing: list[str] = field(default_factory=list)
    announcements: Announcements = field(default_factory=Announcements)
    settings: dict[str, Any] = field(default_factory=dict)
    sessions: Sessions = field(default_factory=sessionmaker)
    signed: bool = True

    def build(self) -> Gateway:
        settings = make_settings(**self.settings)
        return Gateway(
            settings,
            self.holder,
            PredictionService(
                Scoring(threads=2, most_waiting=1024),
                AuthorCache(self.records.find_authors, BoundedReads("authors", settings.author_lookup_s)),
                PredictionLog(self.sessions, settings),
                settings.min_age,
            ),
            self.announcements,
            self.records,
            BoundedReads("records", deadline_s=5),
            LiveTraffic(self.records, settings.min_age),
            lambda: list(self.missing),
        )

    def serve(self, version: int = 3, base: float = 0.5, **of_its_artefact: Any) -> FakeModel:
        """Put a model in place, as a swap does."""
        model = FakeModel(base, make_spec(**of_its_artefact))
        self.holder.current = Serving(
            make_champion(version), model, artefact_signed=self.signed, promotion_signed=self.signed
        )
        return model


def make_settings(**more: object) -> GatewaySettings:
    return GatewaySettings.model_validate(
        {
            "database_url": "postgresql://viral:secret@127.0.0.1:1/viral",
            "rabbitmq_url": "amqp://viral:secret@127.0.0.1:1/viral",
            "rabbitmq_console_url": "http://127.0.0.1:15672",
            "session_key": "a-session-key-of-thirty-two-letters",
            **more,
        }
    )


def make_champion(version: int, seq: int | None = None, sha256: str | None = None) -> Champion:
    return Champion(
        event_id=UUID(int=version),
        model_version=version,
        promotion_seq=seq or version,
        previous_version=version - 1 or None,
        mlflow_run_id=f"{version:032x}",
        promoted_at=NOON,
        reason="better",
        metrics={"auc": 0.7012, "accuracy": 0.66},
        batch_id=BATCH_ID,
        artifact_uri=f"models:/{version}",
        artifact_sha256=sha256 or hashlib.sha256(str(version).encode()).hexdigest(),
    )


def make_spec(
    *,
    simulated: bool = False,
    likes_threshold: int = 0,
    decision_threshold: float = 0.5,
    viral_rate: float = 0.4,
    says_likes: bool = False,
) -> ArtefactSpec:
    return ArtefactSpec(
        max_tokens=128,
        features=FeatureScaling(names=FEATURES, mean=(0.0,) * len(FEATURES), scale=(1.0,) * len(FEATURES)),
        calibration=Calibration(),
        likes_threshold=likes_threshold,
        # Differences from one half on are more than noise.
        likes=LikesSpec(levels=(0, 4), low=(0, 3), high=(1, 5)) if says_likes else None,
        drafts=DraftsSpec(slope=1.0, slope_low=0.9, authors=80) if says_likes else None,
        decision_threshold=decision_threshold,
        base_model="fake",
        base_model_source="tests",
        training=TrainingSummary(
            event_id=str(UUID(int=1)),
            batch_ids=(str(BATCH_ID),),
            source="simulated" if simulated else "archive",
            simulated=simulated,
            window_from=NOON,
            window_to=NOON,
            train_count=35_000,
            validation_count=7_500,
            viral_rate=viral_rate,
            metrics={"auc": 0.7},
            trained_at=NOON,
        ),
        sample=(Sample(tweet=TweetInput("hello", NOON), probability=0.5),),
    )


def make_batch(source: str = "archive", *, collected: bool = True) -> Batch:
    return Batch(
        id=BATCH_ID,
        source=source,
        query="russia ukraine oil",
        window_from=datetime(2022, 4, 1, tzinfo=UTC),
        window_to=datetime(2022, 4, 2, tzinfo=UTC),
        target=50_000,
        started_at=NOON,
        collected_at=NOON.replace(minute=2) if collected else None,
        tweet_count=48_210,
        train_count=33_700,
        validation_count=7_200,
        test_count=7_310,
        viral_rate=0.44,
        history_only=False,
        filtered={"reply": 120},
    )


def make_trail(source: str = "archive") -> BatchTrail:
    """Make a batch that was promoted."""
    promotion = make_promotion(3)
    return BatchTrail(make_batch(source), make_training(3), make_verdict(3), promotion, [promotion])


def make_training(version: int) -> Training:
    return Training(
        event_id=UUID(int=10 + version),
        batch_id=BATCH_ID,
        model_version=version,
        mlflow_run_id=f"{version:032x}",
        artifact_uri=f"models:/{version}",
        artifact_sha256="a" * 64,
        metrics={"auc": 0.71},
        started_at=NOON.replace(minute=2),
        trained_at=NOON.replace(minute=5, second=30),
    )


def make_verdict(version: int, outcome: str = "promoted") -> Verdict:
    return Verdict(
        id=UUID(int=100 + version),
        event_id=UUID(int=200 + version),
        batch_id=BATCH_ID,
        outcome=outcome,
        challenger_version=version,
        champion_version=version - 1,
        test_count=7_310,
        challenger_metrics={"auc": 0.7012},
        champion_metrics={"auc": 0.6891},
        interval_low=0.004,
        interval_high=0.021,
        confidence=0.95,
        rule="paired bootstrap of AUC",
        reason=f"Version {version} beats version {version - 1} by 0.012 AUC (95% interval 0.004 to 0.021).",
        created_at=NOON.replace(minute=6),
    )


def make_act(seq: int) -> AuditEntry:
    return AuditEntry(
        seq=seq,
        at=NOON,
        role="operator",
        os_user="root",
        person="ada",
        action="roll back",
        subject=f"version {seq}",
        before={"version": seq + 1},
        after={"version": seq, "promotion": 7, "precision": "fp32"},
        reason="complaints about the <version> before",
        previous_hash=f"{seq - 1:064x}",
        hash=f"{seq:064x}",
    )


def make_promotion(version: int) -> Promotion:
    return Promotion(
        seq=version,
        event_id=UUID(int=300 + version),
        batch_id=BATCH_ID,
        model_version=version,
        previous_version=version - 1,
        mlflow_run_id=f"{version:032x}",
        artifact_uri=f"models:/{version}",
        artifact_sha256="a" * 64,
        precision="fp32",
        verdict_id=UUID(int=100 + version),
        reason="better",
        note="",
        metrics={"auc": 0.7012},
        promoted_at=NOON.replace(minute=6, second=1),
    )
