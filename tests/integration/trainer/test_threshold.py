"""Another VIRAL_LIKES_THRESHOLD, under which viral tweets are rare, from the stored tweets to the verdict."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow import MlflowClient
from viral_common.artefact.files import read_artefact
from viral_common.database.engine import Sessions
from viral_common.database.tables import Verdict
from viral_common.events import ModelTrained
from viral_common.stores import ledger
from viral_common.stores.tweets import TweetStore
from viral_evaluator.challenges import Challenge
from viral_evaluator.judge import Judge
from viral_evaluator.judging import JudgeInChild
from viral_evaluator.promotion_rule import PromotionRule
from viral_evaluator.scoring import Scorer
from viral_evaluator.settings import EvaluatorSettings
from viral_trainer.data.store import TrainingStore
from viral_trainer.handlers import Trainer
from viral_trainer.training.challenger import MlflowChallengers

from tests.factories import make_labelled_tweets
from tests.integration.trainer.stored_batches import store_batch
from tests.signing import make_trust


def test_rare_viral_tweets_are_learned_called_and_judged(
    challengers: MlflowChallengers,
    db: Sessions,
    mlflow_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    settings = challengers.settings.model_copy(update={"likes_threshold": 10})
    tweets = [
        replace(tweet, like_count=40 * tweet.like_count + 3)  # nobody is without a like, one in ten has 43
        for tweet in make_labelled_tweets(1_400, noise=0.01, liked=0.1)
    ]
    judge = Judge(
        TweetStore(db),
        Scorer(challengers.registry, tmp_path / "evaluator", make_trust(tmp_path)),
        PromotionRule(),
        EvaluatorSettings.model_validate(settings.model_dump()),
    )

    trainer = Trainer(TrainingStore(db, settings), replace(challengers, settings=settings), settings)
    (trained,) = trainer.on_batch_collected(store_batch(db, tweets=tweets))
    assert isinstance(trained, ModelTrained)
    with db() as session:
        training = ledger.find_training_by_version(session, trained.model_version)
    assert training is not None
    verdict = judge.compare(Challenge(training))
    monkeypatch.setenv("VIRAL_DATABASE_URL", settings.database_url.get_secret_value())
    monkeypatch.setenv("VIRAL_RABBITMQ_URL", settings.rabbitmq_url.get_secret_value())
    monkeypatch.setenv("VIRAL_MLFLOW_URL", mlflow_url)
    monkeypatch.setenv("VIRAL_LIKES_THRESHOLD", "10")
    monkeypatch.setenv("VIRAL_ALLOW_UNSIGNED", "true")
    apart = JudgeInChild(threading.Event()).compare(Challenge(training))

    said = {column.key: getattr(verdict, column.key) for column in Verdict.__table__.columns}
    assert {name: getattr(apart, name) for name in said} == said
    assert verdict.outcome == "promoted"
    figures = verdict.challenger_metrics
    assert 0.05 < figures["viral_rate"] < 0.2
    assert figures["average_precision"] > 3 * figures["viral_rate"]
    assert figures["recall"] > 0.5

    spec = read_artefact(challengers.registry.download(trained.artifact_uri, tmp_path)).spec
    assert spec.likes_threshold == 10
    assert spec.decision_threshold <= 0.5
    assert {one.of for one in spec.training.slices} == {
        "hour (UTC)",
        "words",
        "media",
        "author",
        "followers",
    }
    run = MlflowClient(mlflow_url, mlflow_url).get_run(trained.mlflow_run_id)
    assert "more than 10 likes" in run.data.tags["mlflow.note.content"]
    assert run.data.metrics["best_val_log_loss_low"] < run.data.metrics["best_val_log_loss"]
    assert "slices.json" in run.data.tags["mlflow.loggedArtifacts"]
