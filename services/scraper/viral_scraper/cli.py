"""`viral-scraper`: collect tweets in batches and announce each."""

from __future__ import annotations

import typer
from rich.console import Console
from viral_common.cli import one_line_errors
from viral_common.logging import configure_logging
from viral_common.settings import load_settings

from viral_scraper.main import main
from viral_scraper.once import collect_once
from viral_scraper.settings import ScraperSettings

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.command()
def run() -> None:
    """Collect batch after batch, and wait for more when there is none. Runs until stopped."""
    with one_line_errors():
        main()


@app.command()
def once() -> None:
    """Collect the next batch, or finish the one that was interrupted; then end."""
    with one_line_errors():
        settings = load_settings(ScraperSettings)
        configure_logging("scraper", settings)
        collect_once(settings, Console(highlight=False, soft_wrap=True))
