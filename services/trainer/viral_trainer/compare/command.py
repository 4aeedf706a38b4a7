"""Run `viral-trainer compare`."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from viral_common.archive.bad_rows import BadRows, summarise_bad_rows
from viral_common.errors import RegistryUnavailable, UsageError
from viral_common.registry.comparisons import Comparisons

from viral_trainer.command_options import check_writable, load_command_settings, make_progress
from viral_trainer.compare.comparison import Comparison, Result, compare
from viral_trainer.compare.contenders import Contender, choose_contenders
from viral_trainer.compare.parts import SplitBy
from viral_trainer.compare.plot import SUFFIXES, draw_comparison
from viral_trainer.compare.report import collect_figures, to_json, to_markdown, to_table
from viral_trainer.data.tweet_files import read_originals
from viral_trainer.settings import OfflineSettings


@dataclass(frozen=True)
class CompareOptions:
    """Hold the options of the command line; None leaves it to the settings."""

    tweets: Path
    split: SplitBy
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


def run(options: CompareOptions) -> None:
    """Check all that can be checked first; train and score; write, log, print."""
    console = Console(markup=False, highlight=False, soft_wrap=True)
    settings = load_command_settings(
        OfflineSettings, likes_threshold=options.threshold, train_seed=options.seed
    )
    contenders = choose_contenders(options.models)
    _check_files(options)
    mlflow = _connect_mlflow(options, settings, console)
    bad = BadRows()
    tweets = read_originals(options.tweets, bad, settings.label_rule)
    if bad.first_place:
        console.print(f"{summarise_bad_rows(bad.by_reason)}, the first at {bad.first_place}")
    newest = tweets[-options.max_tweets :] if options.max_tweets else tweets
    with _show_progress(contenders) as (on_start, on_result):
        comparison = compare(newest, contenders, options.split, settings, on_start, on_result)
    _write_files(comparison, options)
    console.print(to_table(comparison, options.tweets.name))
    for path in options.files:
        console.print(f"written to {path}")
    if mlflow:
        console.print(f"logged to {_log_comparison(mlflow, comparison, options)}")


def _check_files(options: CompareOptions) -> None:
    if options.plot and options.plot.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"--plot {options.plot}: name it {', '.join(f'*{suffix}' for suffix in sorted(SUFFIXES))}"
        )
    for path in options.files:
        check_writable(path)


def _connect_mlflow(
    options: CompareOptions, settings: OfflineSettings, console: Console
) -> Comparisons | None:
    """Connect if the options say so, or, where they say nothing, if a server is named and answers."""
    named = "mlflow_url" in settings.model_fields_set
    if not (named if options.mlflow is None else options.mlflow):
        return None
    mlflow = Comparisons(settings.mlflow_url)
    try:
        mlflow.check()
    except RegistryUnavailable as error:
        if options.mlflow:
            raise
        console.print(f"goes on without MLflow: {error}")
        return None
    return mlflow


def _log_comparison(mlflow: Comparisons, comparison: Comparison, options: CompareOptions) -> str:
    summary = to_json(comparison, options.tweets.name)
    return mlflow.record(
        f"{options.tweets.name} {options.split}",
        {name: value for name, value in summary.items() if name != "results"},
        {result.contender.name: collect_figures(result) for result in comparison.results},
        options.files,
    )


def _write_files(comparison: Comparison, options: CompareOptions) -> None:
    name = options.tweets.name
    try:
        if options.json:
            options.json.write_text(json.dumps(to_json(comparison, name), indent=2) + "\n", encoding="utf-8")
        if options.markdown:
            options.markdown.write_text(to_markdown(comparison, name), encoding="utf-8")
        if options.plot:
            draw_comparison(comparison, name, options.plot)
    except OSError as error:
        raise UsageError(f"cannot write {error.filename}: {error.strerror or error}") from error


OnStart = Callable[[list[Contender]], None]
OnResult = Callable[[Result], None]


@contextmanager
def _show_progress(contenders: list[Contender]) -> Iterator[tuple[OnStart, OnResult]]:
    """Print a line for each result, and below them who trains at the moment."""
    with make_progress(Console(stderr=True, highlight=False)) as bar:
        task = bar.add_task("", total=len(contenders))

        def on_start(group: list[Contender]) -> None:
            bar.update(task, description=", ".join(contender.name for contender in group))

        def on_result(result: Result) -> None:
            bar.advance(task)
            bar.console.print(
                f"{result.contender.name}: AUC {result.scores['auc']:.3f}, {result.train_seconds:,.1f} s to train"
            )

        yield on_start, on_result
