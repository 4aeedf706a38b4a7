"""Run `viral-trainer tune`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import optuna
from optuna.trial import FrozenTrial, TrialState
from rich.console import Console
from viral_common.archive.bad_rows import BadRows, summarise_bad_rows
from viral_common.database.engine import connect, hold_name, make_sessions, require_schema, translate_outage
from viral_common.errors import UsageError
from viral_common.registry.runs import Run
from viral_common.registry.searches import Searches
from viral_common.stores.tweets import TweetStore
from viral_common.workers import Workers, start_workers

from viral_trainer.command_options import load_command_settings, make_progress
from viral_trainer.eda.sources import find_batch
from viral_trainer.settings import TrainerSettings
from viral_trainer.tune.knobs import list_facts, list_values, round_value
from viral_trainer.tune.plots import draw_page
from viral_trainer.tune.search import (
    Place,
    Search,
    count_ended,
    find_until,
    retry_killed,
    run_trial,
)
from viral_trainer.tune.verdict import compare_on_seeds

FEWEST_TO_PLOT = 2
REPORT = "search.html"


@dataclass(frozen=True)
class TuneOptions:
    """Hold the options of the command line."""

    batch: str | None
    tweets: Path | None
    trials: int
    hours: float | None
    processes: int
    seeds: int


def run(options: TuneOptions) -> None:
    """Search, compare, and say which lines to put into `.env`."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    settings = load_command_settings(TrainerSettings)
    searches = Searches(settings.mlflow_url)
    with translate_outage():
        bad = BadRows()
        search = Search.read(settings, _find_place(options, settings), bad)
        if bad.first_place:
            console.print(f"{summarise_bad_rows(bad.by_reason)}, the first at {bad.first_place}")
        with hold_name(connect(settings, "viral-trainer tune"), search.name):
            study, run = search.open_study(), searches.open(search.name)
            if again := retry_killed(study):
                console.print(f"{again} trials that were interrupted are run again")
            trains, judges, held = map(len, (search.window.train, search.searched.validation, search.held))
            console.print(
                f"{search.name}: {trains:,} tweets to train on, {judges:,} to judge trials by, {held:,} held back; "
                f"{count_ended(study)} of {options.trials} trials are there"
            )
            resources = settings.ray_worker_resources
            with start_workers(options.processes, settings, resources) as workers:
                _search(search, study, run, options, workers, console)
            console.print(f"trials and plots: {run.address}")


def _find_place(options: TuneOptions, settings: TrainerSettings) -> Place:
    db = make_sessions(connect(settings, "viral-trainer tune"))
    require_schema(db)
    if options.tweets is None:
        return Place(find_batch(TweetStore(db), options.batch).id, None)
    if options.batch is not None:
        raise UsageError("--tweets searches on a file alone; leave out --batch")
    return Place(None, str(options.tweets.absolute()))


def _search(
    search: Search,
    study: optuna.Study,
    run: Run,
    options: TuneOptions,
    workers: Workers,
    console: Console,
) -> None:
    settings, done = search.settings, count_ended(study)
    run.log_params(list_facts(settings))
    cores = int(settings.ray_worker_resources.get("CPU", 1))
    threads = max(1, cores if settings.ray_address else settings.cores // options.processes)
    if not study.get_trials(deepcopy=False):
        study.enqueue_trial(list_values(settings))  # what there is comes first
    until = find_until(options.hours)
    tasks = [search.make_task(run.run_id, number, threads, until) for number in range(done, options.trials)]
    with make_progress(console) as bar:
        trainings = bar.add_task("trainings", total=options.trials + 2 * options.seeds, completed=done)

        def tell(line: str) -> None:
            console.print(line)
            bar.advance(trainings)

        for trial in workers.map(run_trial, tasks):
            if trial is not None:
                tell(describe_trial(trial))
        complete = len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))
        if not complete:
            raise UsageError(
                "no trial came to its end yet; the same command with more --trials or --hours goes on"
            )
        if complete >= FEWEST_TO_PLOT:
            run.log_text(REPORT, draw_page(study))
        task = search.make_task(run.run_id, 0, threads)
        verdict = compare_on_seeds(
            search,
            study,
            task,
            options.seeds,
            workers,
            lambda name, scores: tell(f"{name}: AUC {scores.auc:.4f} on the tweets held back"),
        )
    said = verdict.describe() if verdict else "no trial was better than the present settings: keep them"
    run.log_metrics({"best_log_loss": study.best_value}, count_ended(study))
    run.describe(f"```\n{said}\n```")
    run.end()
    console.print(said)


def describe_trial(trial: FrozenTrial) -> str:
    """Say in a line what came of a trial."""
    values = ", ".join(f"{name} {round_value(value):g}" for name, value in trial.params.items())
    if trial.state == TrialState.PRUNED:
        ended = f"given up, {trial.user_attrs['pruned']}"
    else:
        ended = f"log loss {trial.value:.4f}, AUC {trial.user_attrs['auc']:.4f}"
    return f"trial {trial.number}: {ended} ({values})"
