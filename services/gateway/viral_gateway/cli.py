"""Serve predictions over HTTP, and make the keys that open them (`viral-gateway`).

The commands import what they need themselves, so that `--help` and a shell's completion answer at once.
"""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import typer
from viral_common.cli import print_errors_as_one_line

app = typer.Typer(help="Answers predictions over HTTP with the promoted model.", no_args_is_help=True)
keys = typer.Typer(help="The API keys in the file that VIRAL_API_KEYS_FILE names.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@app.command()
def run(
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes on the port; default: VIRAL_GATEWAY_WORKERS, or 1")
    ] = None,
) -> None:
    """Serve the API, the web form and the pipeline page."""
    with print_errors_as_one_line():
        from viral_gateway.main import main

        main(workers)


@keys.command()
def new(
    name: Annotated[str, typer.Argument(help="Whose it is; logs, metrics and limits call it so")],
    role: Annotated[Literal["predict", "read", "admin"], typer.Option(help="What it opens")],
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Its last day (UTC); default: none")
    ] = None,
) -> None:
    """Make a key: print it, this once, and its line for the file."""
    with print_errors_as_one_line():
        from viral_gateway.key_commands import make_key

        make_key(name, role, until.date() if until else None)


@keys.command("list")
def list_() -> None:
    """List the keys of the file."""
    with print_errors_as_one_line():
        from viral_gateway.key_commands import list_keys

        list_keys()


@keys.command()
def retire(name: Annotated[str, typer.Argument(help="As `keys list` shows it")]) -> None:
    """Take a key out of the file; with it go the sessions of who signed in by it."""
    with print_errors_as_one_line():
        from viral_gateway.key_commands import retire_key

        retire_key(name)
