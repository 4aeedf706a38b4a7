"""`viral-gateway`"""

from __future__ import annotations

import typer
from viral_common.cli import main_of

app = typer.Typer(help="Answers predictions over HTTP with the promoted model.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Keeps `run` a command of its own while it is the only one."""


@app.command()
def run() -> None:
    """Serve the API, the web form and the pipeline page."""
    from viral_gateway.main import main

    main_of(main)
