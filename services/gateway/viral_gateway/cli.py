"""Serve predictions over HTTP (`viral-gateway`)."""

from __future__ import annotations

from typing import Annotated

import typer
from viral_common.cli import run_command

app = typer.Typer(help="Answers predictions over HTTP with the promoted model.", no_args_is_help=True)


@app.callback()
def _commands() -> None:
    """Keep `run` a command of its own while it is the only one."""


@app.command()
def run(
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on the port; default: VIRAL_GATEWAY_WORKERS, or 1")
    ] = None,
) -> None:
    """Serve the API, the web form and the pipeline page."""
    from viral_gateway.main import main

    run_command(lambda: main(workers))
