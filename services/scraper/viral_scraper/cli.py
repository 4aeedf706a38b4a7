"""Collect tweets in batches, once or until stopped, and forget some (`viral-scraper`).

The commands import what they need themselves, so that `--help` and a shell's completion answer at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer
from viral_common.cli import print_errors_as_one_line

if TYPE_CHECKING:
    from rich.console import Console

    from viral_scraper.settings import ScraperSettings

app = typer.Typer(no_args_is_help=True, help="Collect tweets in batches and announce each.")


@app.command()
def run() -> None:
    """Collect batch after batch, and wait for more when there is none. Runs until stopped."""
    with print_errors_as_one_line():
        from viral_scraper.main import main

        main()


@app.command()
def once() -> None:
    """Collect the next batch, or finish the one that was interrupted; then end."""
    with print_errors_as_one_line():
        from viral_scraper.collecting.one_batch import collect_one_batch

        collect_one_batch(_load_settings(), _make_console())


@app.command()
def backfill(
    paths: Annotated[list[str], typer.Argument(help="Files of tweets, globs or folders")],
    train: Annotated[
        bool, typer.Option(help="Announce each batch, so that it is trained on; else only store it")
    ] = True,
    processes: Annotated[
        int, typer.Option(min=0, help="Read so many files at once; 0: as many as there are cores")
    ] = 0,
) -> None:
    """Collect every batch of years of archives, or go on with what was interrupted; then end."""
    with print_errors_as_one_line():
        from viral_common.cores import count_usable_cores
        from viral_common.workers import start_workers

        from viral_scraper.collecting.backfill import backfill as collect_all

        settings = _load_settings()
        processes = processes or count_usable_cores()
        with start_workers(processes, settings) as workers:
            collect_all(settings, paths, workers, train, _make_console())


@app.command()
def forget(
    author: Annotated[
        str, typer.Option(help="All tweets of this username, and of the ids seen with it")
    ] = "",
    author_id: Annotated[str, typer.Option(help="All tweets of the author with this id")] = "",
    tweet: Annotated[str, typer.Option(help="The tweet with this id")] = "",
    source: Annotated[str, typer.Option(help="Only of this source; empty: of every one")] = "",
    reason: Annotated[str, typer.Option(help="Why, for the audit; name nobody")] = "",
) -> None:
    """Delete an author's tweets, or one tweet, and never store them again."""
    with print_errors_as_one_line():
        from viral_common.database.engine import connect, make_sessions

        from viral_scraper.forget import forget as forget_named
        from viral_scraper.stores.forgotten import Forgetter, ForgottenNames

        named = {"author": author, "author-id": author_id, "tweet": tweet}
        asked = {kind: value for kind, value in named.items() if value}
        settings = _load_settings()
        sessions = make_sessions(connect(settings, "forget"))
        forgetter = Forgetter(sessions, ForgottenNames(settings.forget_key), reason)
        forget_named(forgetter, asked, source, _make_console())


def _load_settings() -> ScraperSettings:
    from viral_common.logging import configure_logging
    from viral_common.settings import load_settings

    from viral_scraper.settings import ScraperSettings

    settings = load_settings(ScraperSettings)
    configure_logging("scraper", settings)
    return settings


def _make_console() -> Console:
    from rich.console import Console

    # Without markup: a query, a name or the pattern of a path may look like it.
    return Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
