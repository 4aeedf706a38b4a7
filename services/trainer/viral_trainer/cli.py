"""Train on each collected batch, compare models, describe tweets (`viral-trainer`).

The commands import what they need themselves, so that `--help` and a shell's completion answer at once.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Literal

import typer
from viral_common.cli import print_errors_as_one_line

app = typer.Typer(no_args_is_help=True, help="Learn from each collected batch.")


@app.callback()
def trainer() -> None:
    """Learn from each collected batch."""
    # Threads that spin while they wait lose most of their speed, up to ten times, on cores that other services use too.
    # Read once, when torch is imported: hence the import below.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@app.command()
def run() -> None:
    """Train a challenger on each new batch. Runs until stopped."""
    with print_errors_as_one_line():
        from viral_trainer.main import main

        main()


@app.command()
def compare(
    tweets: Annotated[Path, typer.Option(help="A file of tweets by Twint, snscrape or X's API")],
    split: Annotated[
        Literal["time", "random"], typer.Option(help="Judge on the last 20% by time or on a random 20%")
    ] = "time",
    json: Annotated[Path | None, typer.Option(help="Write the figures here")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write a table to read here")] = None,
    plot: Annotated[Path | None, typer.Option(help="Draw the figures here, as .png or .svg")] = None,
    models: Annotated[str | None, typer.Option(help="Only these, separated by commas")] = None,
    max_tweets: Annotated[int | None, typer.Option(min=1, help="Only the newest so many")] = None,
    threshold: Annotated[int | None, typer.Option(min=0, help="Instead of VIRAL_LIKES_THRESHOLD")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Instead of VIRAL_TRAIN_SEED")] = None,
    mlflow: Annotated[
        bool | None, typer.Option(help="Log to MLflow; without a word: if VIRAL_MLFLOW_URL is set")
    ] = None,
) -> None:
    """Compare this product's recipe with simple rivals on a file of tweets. Needs no server."""
    with print_errors_as_one_line():
        from viral_trainer.compare.command import CompareOptions, run

        run(CompareOptions(tweets, split, json, markdown, plot, models, max_tweets, threshold, seed, mlflow))


@app.command()
def eda(
    out: Annotated[Path, typer.Option(help="Write the page here")] = Path("report.html"),
    batch: Annotated[
        str | None, typer.Option(help="The first letters of a batch's id; without them the newest")
    ] = None,
    window: Annotated[
        int | None, typer.Option(min=1, help="Describe so many batches, the last being this one")
    ] = None,
    tweets: Annotated[
        Path | None,
        typer.Option(help="Describe this file alone (of Twint, snscrape or X's API); needs no server"),
    ] = None,
    threshold: Annotated[int | None, typer.Option(min=0, help="Instead of VIRAL_LIKES_THRESHOLD")] = None,
) -> None:
    """Describe a batch, several, or a file of tweets in one HTML page that opens anywhere."""
    with print_errors_as_one_line():
        from viral_trainer.eda.command import EdaOptions, run

        run(EdaOptions(out, batch, window, tweets, threshold))


@app.command()
def tune(
    batch: Annotated[
        str | None,
        typer.Option(help="The first letters of the id of the window's last batch; else the newest"),
    ] = None,
    tweets: Annotated[
        Path | None, typer.Option(help="Search on this file instead (of Twint, snscrape or X's API)")
    ] = None,
    trials: Annotated[int, typer.Option(min=1, help="Trials in all, those of before a stop included")] = 30,
    hours: Annotated[
        float | None, typer.Option(min=0, help="Begin no trial later than so many hours from now")
    ] = None,
    processes: Annotated[
        int, typer.Option(min=1, help="Trials at once on this machine, its cores shared out")
    ] = 1,
    seeds: Annotated[
        int, typer.Option(min=2, help="Seeds to compare the best trial with the present settings on")
    ] = 5,
) -> None:
    """Search for better settings on validation tweets, or go on with a search that was interrupted."""
    with print_errors_as_one_line():
        from viral_trainer.tune.command import TuneOptions, run

        run(TuneOptions(batch, tweets, trials, hours, processes, seeds))
