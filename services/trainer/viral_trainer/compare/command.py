"""What `viral-trainer compare` does."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)
from viral_common.archive.bad_rows import BadRows, summarise_bad_rows
from viral_common.errors import RegistryUnavailable, UsageError
from viral_common.logging import configure_logging
from viral_common.registry.comparisons import Comparisons
from viral_common.settings import load_settings

from viral_trainer.compare.comparison import Comparison, Result, compare
from viral_trainer.compare.contenders import Contender, chosen
from viral_trainer.compare.parts import How
from viral_trainer.compare.plot import SUFFIXES, draw
from viral_trainer.compare.report import as_json, as_markdown, as_table, figures_of
from viral_trainer.data.tweet_files import read_originals
from viral_trainer.settings import OfflineSettings


@dataclass(frozen=True)
class Wish:
    """What a person asked for on the command line; None leaves it to the settings."""

    tweets: Path
    split: How
    json: Path | None
    markdown: Path | None
    plot: Path | None
    models: str | None
    max_tweets: int | None
    threshold: int | None
    seed: int | None
    mlflow: bool | None

    @property
    def files(self) -> list[Path]:
        """Those to write."""
        return [path for path in (self.json, self.markdown, self.plot) if path]


def run(wish: Wish) -> None:
    """Check all that can be checked first; train and score; write, log, print."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    settings = _settings(wish)
    contenders = chosen(wish.models)
    _check_files(wish)
    mlflow = _mlflow(wish, settings, console)
    bad = BadRows()
    tweets = read_originals(wish.tweets, bad, settings.label_rule)
    if bad.first_place:
        console.print(f"{summarise_bad_rows(bad.by_reason)}, the first at {bad.first_place}")
    newest = tweets[-wish.max_tweets :] if wish.max_tweets else tweets
    with _progress(contenders) as (before, after):
        comparison = compare(newest, contenders, wish.split, settings, before, after)
    _write(comparison, wish)
    console.print(as_table(comparison, wish.tweets.name))
    for path in wish.files:
        console.print(f"written to {path}")
    if mlflow:
        console.print(f"logged to {_log(mlflow, comparison, wish)}")


def _settings(wish: Wish) -> OfflineSettings:
    settings = load_settings(OfflineSettings)
    configure_logging("trainer", settings.model_copy(update={"log_level": "error"}))
    asked = {"likes_threshold": wish.threshold, "train_seed": wish.seed}
    return settings.model_copy(update={name: value for name, value in asked.items() if value is not None})


def _check_files(wish: Wish) -> None:
    """Better before the training than after it."""
    if wish.plot and wish.plot.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--plot {wish.plot}: name it {', '.join(f'*{suffix}' for suffix in sorted(SUFFIXES))}"
        )
    for path in wish.files:
        folder = path.absolute().parent
        if path.is_dir():
            raise UsageError(f"cannot write {path}: it is a folder; name a file in it")
        if not folder.is_dir() or not os.access(folder, os.W_OK):
            raise UsageError(f"cannot write {path}: {folder} is no folder to write in; make it first")


def _mlflow(wish: Wish, settings: OfflineSettings, console: Console) -> Comparisons | None:
    """Where to log to: as asked for, else if a server is named and answers."""
    asked = "mlflow_url" in settings.model_fields_set if wish.mlflow is None else wish.mlflow
    if not asked:
        return None
    mlflow = Comparisons(settings.mlflow_url)
    try:
        mlflow.check()
    except RegistryUnavailable as error:
        if wish.mlflow:
            raise
        console.print(f"goes on without MLflow: {error}")
        return None
    return mlflow


def _log(mlflow: Comparisons, comparison: Comparison, wish: Wish) -> str:
    summary = as_json(comparison, wish.tweets.name)
    return mlflow.record(
        f"{wish.tweets.name} {wish.split}",
        {name: value for name, value in summary.items() if name != "results"},
        {result.contender.name: figures_of(result) for result in comparison.results},
        wish.files,
    )


def _write(comparison: Comparison, wish: Wish) -> None:
    name = wish.tweets.name
    try:
        if wish.json:
            wish.json.write_text(json.dumps(as_json(comparison, name), indent=2) + "\n", encoding="utf-8")
        if wish.markdown:
            wish.markdown.write_text(as_markdown(comparison, name), encoding="utf-8")
        if wish.plot:
            draw(comparison, name, wish.plot)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror or error}") from error


Before = Callable[[list[Contender]], None]
After = Callable[[Result], None]


@contextmanager
def _progress(contenders: list[Contender]) -> Iterator[tuple[Before, After]]:
    """A line for each result, and below them who trains at the moment."""
    console = Console(stderr=True, highlight=False)
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=len(contenders))

        def before(group: list[Contender]) -> None:
            bar.update(task, description=", ".join(contender.name for contender in group))

        def after(result: Result) -> None:
            bar.advance(task)
            console.print(
                f"{result.contender.name}: AUC {result.scores['auc']:.3f}, {result.train_seconds:,.1f} s to train"
            )

        yield before, after
