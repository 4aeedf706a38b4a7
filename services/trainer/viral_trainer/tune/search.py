"""Try settings out: a trial is one training on the tweets of a search, judged by validation tweets alone."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

import numpy as np
import optuna
from optuna.exceptions import StorageInternalError, TrialPruned
from optuna.trial import FrozenTrial, Trial, TrialState
from viral_common.archive.bad_rows import BadRows
from viral_common.database.engine import DRIVER, build_engine_options, connect, make_sessions
from viral_common.database.grants import SEARCHES
from viral_common.errors import ServerAway, UsageError, summarise_error
from viral_common.evaluation.scores import compute_scores
from viral_common.logging import configure_logging
from viral_common.registry.runs import Run
from viral_common.registry.searches import Searches
from viral_common.settings import load_settings
from viral_common.stores.tweets import TweetStore
from viral_common.tweets.tweet import LabelledTweet, stack_authors, stack_labels, take_inputs

from viral_trainer.compare.parts import split_tweets
from viral_trainer.data.tweet_files import read_originals
from viral_trainer.data.window import Window, find_obstacle, read_window
from viral_trainer.devices import find_device
from viral_trainer.model.base_model import BaseModel, find_base_model
from viral_trainer.settings import TrainerSettings
from viral_trainer.training.checkpoint import compute_key
from viral_trainer.training.fit import NO_EVENT, choose_recipe, fit
from viral_trainer.tune.knobs import change_settings, choose_settings, list_facts, list_values

# So many trials before any is pruned, and before the sampler draws on what it saw.
STARTUP_TRIALS, STARTUP_SAMPLES = 4, 10
WHOLE = 100  # percent of a training


class Place(NamedTuple):
    """Say where the tweets are: in a stored batch and those before it, or in a file."""

    batch: UUID | None
    file: str | None


class Task(NamedTuple):
    """Tell a worker which search it works for, and which training it does."""

    place: Place
    facts: tuple[tuple[str, Any], ...]  # of the settings; its own tell where the servers are
    threads: int
    key: str  # of what is learned, which must be the same for all
    run_id: str  # of the search, in MLflow
    until: float  # by the clock, no trial begins later
    number: int


@dataclass(frozen=True)
class Search:
    """Hold the tweets and the settings that a search begins with."""

    settings: TrainerSettings
    window: Window
    base: BaseModel
    place: Place

    @classmethod
    def read(cls, settings: TrainerSettings, place: Place, bad: BadRows | None = None) -> Search:
        """Read the tweets; `bad` counts unreadable rows. Raises UsageError if nothing can be learned from them."""
        if place.file is None:
            tweets = TweetStore(make_sessions(connect(settings, "viral-trainer tune")))
            batch = next(one for one in tweets.find_batches(str(place.batch)))
            window = read_window(tweets, batch, settings)
        else:
            originals = read_originals(
                Path(place.file), bad or BadRows(log_places=False), settings.label_rule
            )
            parts = split_tweets(originals, "time", settings.train_seed, settings.likes_threshold)
            window = Window.from_tweets(parts.train, parts.validation)
        search = cls(settings, window, find_base_model(settings.base_model), place)
        if obstacle := find_obstacle(search.searched, settings) or find_obstacle(
            replace(window, validation=search.held), settings
        ):
            raise UsageError(f"nothing can be searched on these tweets: {obstacle}")
        return search

    @cached_property
    def key(self) -> str:
        """Digest all that decides what trials learn."""
        return compute_key(self.window, self.base, list_facts(self.settings))

    @property
    def name(self) -> str:
        """Name the search; the same tweets, settings and program give the same name."""
        newest = self.window.batches[-1]
        return f"{newest.source} {newest.window_to:%Y-%m-%d} {self.key[:8]}"

    @cached_property
    def searched(self) -> Window:
        """Take half of the authors to validate the trials by."""
        return replace(self.window, validation=self._take_authors(0))

    @cached_property
    def held(self) -> list[LabelledTweet]:
        """Take the validation tweets of the other authors, whom no trial sees."""
        return self._take_authors(1)

    def _take_authors(self, half: int) -> list[LabelledTweet]:
        tweets = self.window.validation
        return [tweets[place] for place in np.flatnonzero(stack_authors(tweets) % 2 == half)]

    def open_study(self, number: int = 0) -> optuna.Study:
        """Open its trials in Postgres. `number` tells apart what samplers draw."""
        optuna.logging.set_verbosity(optuna.logging.CRITICAL)  # what fails is raised
        options = build_engine_options(
            self.settings.database_url.get_secret_value(),
            "viral-trainer tune",
            f"-c search_path={SEARCHES}",
        )
        with translate_storage():
            return optuna.create_study(
                storage=optuna.storages.RDBStorage(DRIVER, options),
                study_name=self.name,
                load_if_exists=True,
                sampler=optuna.samplers.TPESampler(
                    seed=self.settings.train_seed + number, n_startup_trials=STARTUP_SAMPLES
                ),
                pruner=optuna.pruners.MedianPruner(n_startup_trials=STARTUP_TRIALS),
            )

    def make_task(self, run_id: str, number: int, threads: int, until: float = math.inf) -> Task:
        """Make a task of it for a worker."""
        facts = tuple(list_facts(self.settings).items())
        return Task(self.place, facts, threads, self.key, run_id, until, number)


@contextmanager
def translate_storage() -> Iterator[None]:
    """Raise ServerAway where Optuna misses Postgres."""
    try:
        yield
    except StorageInternalError as error:
        raise ServerAway(f"Postgres does not answer ({summarise_error(error)})") from error


@cache
def find_search(place: Place, facts: tuple[tuple[str, Any], ...], threads: int, key: str) -> Search:
    """Find in this process what the search is about, which a pool's processes keep."""
    settings = load_settings(TrainerSettings)
    configure_logging("tune", settings.model_copy(update={"log_level": "error"}))
    search = Search.read(settings.model_copy(update={**dict(facts), "train_threads": threads}), place)
    if search.key != key:
        raise UsageError("a worker has another base model, other tweets or another version of viral-trainer")
    return search


def run_trial(task: Task) -> FrozenTrial | None:
    """Run one more trial; None if the time is over."""
    if time.time() > task.until:
        return None
    search = find_search(*task[:4])
    study = search.open_study(task.number)
    ended: list[FrozenTrial] = []
    with translate_storage():
        study.optimize(
            partial(try_out, search, Searches(search.settings.mlflow_url), task.run_id),
            n_trials=1,
            callbacks=[lambda _, trial: ended.append(trial)],
        )
    return ended[0]


def try_out(search: Search, searches: Searches, run_id: str, trial: Trial) -> float:
    """Train with the trial's settings; return the validation loss."""
    settings = choose_settings(trial, search.settings)
    run = searches.start_trial(run_id, f"trial {trial.number}", list_values(settings))
    recipe = choose_recipe(settings, len(search.window.train), find_device())
    status = "FAILED"
    try:
        model, trained = fit(
            search.searched, search.base, settings, NO_EVENT, TrialProgress(trial, run, recipe.epochs)
        )
        scores = {name: model.training.metrics[name] for name in ("log_loss", "auc", "ece")}
        trial.set_user_attr("auc", scores["auc"])
        run.log_metrics({**scores, "train_seconds": trained.seconds}, trained.steps)
        status = "FINISHED"
    except TrialPruned as pruned:
        run.set_tag("viral.pruned", str(pruned))
        trial.set_user_attr("pruned", str(pruned))
        status = "FINISHED"
        raise
    finally:
        run.end(status)
    return scores["log_loss"]


@dataclass(frozen=True)
class TrialProgress:
    """Show a trial's curves, and end it once others were better at the same share of their schedule."""

    trial: Trial
    run: Run
    epochs: int

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        """Add a point to each curve. Raises TrialPruned."""
        self.run.log_metrics(metrics, step)
        if not all(map(math.isfinite, metrics.values())):
            raise TrialPruned("diverged")
        if "val_loss" in metrics:
            share = round(WHOLE * metrics["epoch"] / self.epochs)
            self.trial.report(metrics["val_loss"], share)
            if share < WHOLE and self.trial.should_prune():
                raise TrialPruned(f"worse than most after {share}% of the training")


def count_ended(study: optuna.Study) -> int:
    """Count the trials that told something."""
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED)))


def retry_killed(study: optuna.Study) -> int:
    """Queue again what runs no more; nobody else may work on the study meanwhile. Returns how many."""
    killed = study.get_trials(states=(TrialState.RUNNING,))
    for trial in killed:
        study.enqueue_trial(trial.params)
        study.tell(trial.number, state=TrialState.FAIL)
    return len(killed)


class SeedTask(NamedTuple):
    """Tell a worker to train once more, with knobs so and with this seed."""

    task: Task
    label: str
    values: tuple[tuple[str, float], ...]
    seed: int


class SeedScores(NamedTuple):
    """Hold what such a training says of the tweets that no trial saw."""

    losses: list[float]
    auc: float


def train_seed(work: SeedTask) -> SeedScores:
    """Train, and score on the tweets that were held back."""
    search = find_search(*work.task[:4])
    settings = change_settings(search.settings, dict(work.values)).model_copy(
        update={"train_seed": work.seed}
    )
    run = Searches(settings.mlflow_url).start_trial(
        work.task.run_id, f"{work.label}, seed {work.seed}", list_values(settings)
    )
    status = "FAILED"
    try:
        model, trained = fit(search.searched, search.base, settings, NO_EVENT, run)
        labels = stack_labels(search.held)
        probabilities = model.predict(take_inputs(search.held))
        sure = np.clip(np.where(labels, probabilities, 1 - probabilities), 1e-7, 1.0)
        scores = compute_scores(labels, probabilities)
        run.log_metrics({f"held_{name}": scores[name] for name in ("log_loss", "auc")}, trained.steps)
        status = "FINISHED"
    finally:
        run.end(status)
    return SeedScores([round(float(loss), 5) for loss in -np.log(sure)], scores["auc"])


def find_until(hours: float | None) -> float:
    """Find the time after which no trial begins."""
    return math.inf if hours is None else time.time() + 3600 * hours
