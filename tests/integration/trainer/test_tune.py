"""Test `viral-trainer tune` on real Postgres and MLflow: what it tries, how it goes on after kills, what it says."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import optuna
import pytest
from mlflow import MlflowClient
from mlflow.entities import Run
from optuna.trial import TrialState
from sqlalchemy import text
from viral_common.database.engine import Sessions
from viral_common.registry.searches import EXPERIMENT
from viral_common.settings import CommonSettings
from viral_trainer.settings import TrainerSettings
from viral_trainer.tune.command import describe_trial
from viral_trainer.tune.knobs import change_settings, choose_settings, write_env
from viral_trainer.tune.search import Place, Search, TrialProgress, count_ended

from tests.factories import make_base_model
from tests.integration.trainer.stored_batches import store_batch

PROGRAM = Path(sys.executable).with_name("viral-trainer")
KILLS = 6


class Tuning:
    """Start processes of `viral-trainer tune` on one stored batch."""

    def __init__(self, db: Sessions, settings: CommonSettings, folder: Path) -> None:
        self.base = make_base_model(folder / "base")
        self.event = store_batch(db, count=2_500)
        self.settings = TrainerSettings.model_validate(
            {**settings.model_dump(), "base_model": self.base.name, "head_lr": 1e-2, "train_batch_size": 32}
        )
        self._folder = folder
        self._environment = {
            **os.environ,
            "VIRAL_DATABASE_URL": settings.database_url.get_secret_value(),
            "VIRAL_RABBITMQ_URL": settings.rabbitmq_url.get_secret_value(),
            "VIRAL_MLFLOW_URL": settings.mlflow_url,
            "VIRAL_BASE_MODEL": self.base.name,
            "VIRAL_HEAD_LR": "1e-2",
            "VIRAL_TRAIN_BATCH_SIZE": "32",
            "COLUMNS": "400",
        }

    def start(self, *options: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [str(PROGRAM), "tune", "--seeds", "2", *options],
            env=self._environment,
            cwd=self._folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *options: str) -> tuple[int, str, str]:
        with self.start(*options) as process:
            output, errors = process.communicate(timeout=400)
        return process.returncode, output, errors

    def read(self) -> Search:
        return Search.read(self.settings, Place(self.event.batch_id, None))


@pytest.fixture
def tuning(db: Sessions, settings: CommonSettings, tmp_path: Path) -> Tuning:
    return Tuning(db, settings, tmp_path)


def find_runs(tuning: Tuning, name: str) -> tuple[Run, list[Run]]:
    """Find the run of the search, and those inside."""
    client = MlflowClient(tuning.settings.mlflow_url)
    experiment = client.get_experiment_by_name(EXPERIMENT)
    assert experiment
    (parent,) = client.search_runs([experiment.experiment_id], f"tags.`viral.search` = '{name}'")
    children = client.search_runs(
        [experiment.experiment_id], f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'"
    )
    return parent, list(children)


def test_a_search_begins_with_what_there_is_and_ends_with_lines_for_env(tuning: Tuning) -> None:
    status, output, errors = tuning.run("--trials", "3")

    assert status == 0, errors
    search = tuning.read()
    trials = search.open_study().trials
    assert [trial.number for trial in trials] == [0, 1, 2]
    assert trials[0].params["head_lr"] == 1e-2
    assert trials[0].params["train_batch_size"] == 32
    parent, children = find_runs(tuning, search.name)
    assert parent.info.status == "FINISHED"
    assert len(children) == 3 + 4 * (trials[0].number != search.open_study().best_trial.number)
    assert {child.info.status for child in children} == {"FINISHED"}
    first = next(child for child in children if child.info.run_name == "trial 0")
    assert first.data.metrics["log_loss"] == pytest.approx(trials[0].value)
    assert {"val_loss", "train_loss", "auc"} <= set(first.data.metrics)
    assert "VIRAL_HEAD_LR=" in output or "keep them" in output
    again, output, _ = tuning.run("--trials", "3")
    assert again == 0
    assert len(search.open_study().trials) == 3
    assert "3 of 3 trials are there" in output


def test_nobody_searches_twice_at_once(tuning: Tuning, db: Sessions) -> None:
    with db() as session:
        session.execute(text("SELECT pg_advisory_lock(hashtext(:name))"), {"name": tuning.read().name})
        status, _, errors = tuning.run("--trials", "1")

    assert status == 2
    assert "another process is at " in errors
    assert errors.count("\n") == 1


def test_the_tweets_held_back_are_of_other_authors(tuning: Tuning) -> None:
    search = tuning.read()
    searched = {tweet.author_id for tweet in search.searched.validation}
    held = {tweet.author_id for tweet in search.held}

    assert searched
    assert held
    assert not searched & held
    assert len(search.held) + len(search.searched.validation) == len(search.window.validation)


class Curve:
    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Drop the point."""


@pytest.mark.parametrize("metrics", [{"train_loss": float("nan")}, {"val_loss": float("inf"), "epoch": 1.0}])
def test_what_diverges_is_given_up(metrics: dict[str, float]) -> None:
    trial = optuna.create_study().ask()

    with pytest.raises(optuna.TrialPruned, match="diverged"):
        TrialProgress(trial, Curve(), 2).log_metrics(metrics, 10)  # type: ignore[arg-type]


def test_what_is_worse_than_most_at_half_of_its_schedule_is_given_up() -> None:
    study = optuna.create_study(pruner=optuna.pruners.MedianPruner(n_startup_trials=2))
    for loss in (0.3, 0.4):
        trial = study.ask()
        TrialProgress(trial, Curve(), 2).log_metrics({"val_loss": loss, "epoch": 1.0}, 10)  # type: ignore[arg-type]
        study.tell(trial, loss)

    with pytest.raises(optuna.TrialPruned, match="after 50%"):
        TrialProgress(study.ask(), Curve(), 4).log_metrics({"val_loss": 0.5, "epoch": 2.0}, 20)  # type: ignore[arg-type]


def test_a_share_is_tried_between_its_ends_and_a_count_is_whole() -> None:
    present = TrainerSettings.model_construct(
        **{name: one.default for name, one in TrainerSettings.model_fields.items()}
    )

    chosen = [choose_settings(optuna.create_study().ask(), present) for _ in range(5)]

    assert any(0 < one.class_weight < 1 for one in chosen)
    assert all(isinstance(one.train_epochs, int) and isinstance(one.frozen_layers, int) for one in chosen)


def test_the_lines_are_the_values_that_were_compared() -> None:
    present = TrainerSettings.model_construct(
        **{name: one.default for name, one in TrainerSettings.model_fields.items()}
    )
    found = change_settings(present, {"encoder_lr": 0.000123456, "train_batch_size": 48})

    assert found.encoder_lr == 0.000123
    assert "VIRAL_ENCODER_LR=0.000123\n" in write_env(found)
    assert "VIRAL_TRAIN_BATCH_SIZE=48\n" in write_env(found)


@pytest.mark.parametrize(
    ("state", "says"),
    [(TrialState.PRUNED, "given up, diverged"), (TrialState.COMPLETE, "log loss 0.5000, AUC 0.7000")],
)
def test_a_trial_is_told_in_a_line(state: TrialState, says: str) -> None:
    trial = optuna.trial.create_trial(
        state=state,
        value=0.5,
        params={"head_lr": 0.0123456},
        distributions={"head_lr": optuna.distributions.FloatDistribution(0, 1)},
        user_attrs={"pruned": "diverged", "auc": 0.7},
    )

    assert describe_trial(trial) == f"trial {trial.number}: {says} (head_lr 0.0123)"


@pytest.mark.long
@pytest.mark.timeout(900)
def test_twelve_trials_killed_at_random_are_twelve_in_the_end(tuning: Tuning) -> None:
    chance = random.Random(19)
    search = tuning.read()
    for _ in range(KILLS):
        with tuning.start("--trials", "12", "--processes", "2") as process:
            time.sleep(chance.uniform(8, 25))
            process.kill()
        assert process.returncode == -signal.SIGKILL

    status, output, errors = tuning.run("--trials", "12", "--processes", "2")

    assert status == 0, errors
    study = search.open_study()
    assert count_ended(study) == 12
    assert not study.get_trials(states=(TrialState.RUNNING, TrialState.WAITING))
    parent, children = find_runs(tuning, search.name)
    names = [child.info.run_name for child in children if child.info.status == "FINISHED"]
    assert sum(name.startswith("trial") and "seed" not in name for name in names) == 12
    assert not [child for child in children if child.info.status == "RUNNING"]
    artifacts = MlflowClient(tuning.settings.mlflow_url).list_artifacts(parent.info.run_id)
    assert [one.path for one in artifacts] == ["search.html"]
    assert "12 trials" in output or "of 12 trials" in output
