"""`viral-scraper`: collect tweets in batches and announce each."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console
from viral_common.cli import print_errors_as_one_line
from viral_common.database.engine import connect, make_sessions
from viral_common.logging import configure_logging
from viral_common.settings import load_settings

from viral_scraper.collecting.once import collect_once
from viral_scraper.forget import forget as forget_named
from viral_scraper.main import main
from viral_scraper.settings import ScraperSettings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
# Without markup: a query, a name or the pattern of a path may look like it.
console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)


@app.command()
def run() -> None:
    """Collect batch after batch, and wait for more when there is none. Runs until stopped."""
    with print_errors_as_one_line():
        main()


@app.command()
def once() -> None:
    """Collect the next batch, or finish the one that was interrupted; then end."""
    with print_errors_as_one_line():
        settings = load_settings(ScraperSettings)
        configure_logging("scraper", settings)
        collect_once(settings, console)


@app.command()
def forget(
    author: Annotated[
        str, typer.Option(help="All tweets of this username, and of the ids seen with it")
    ] = "",
    author_id: Annotated[str, typer.Option(help="All tweets of the author with this id")] = "",
    tweet: Annotated[str, typer.Option(help="The tweet with this id")] = "",
    source: Annotated[str, typer.Option(help="Only of this source; empty: of every one")] = "",
) -> None:
    """Delete an author's tweets, or one tweet, and never store them again."""
    with print_errors_as_one_line():
        settings = load_settings(ScraperSettings)
        configure_logging("scraper", settings)
        named = {"author": author, "author-id": author_id, "tweet": tweet}
        asked = {kind: value for kind, value in named.items() if value}
        forget_named(make_sessions(connect(settings, "forget")), asked, source, console)
