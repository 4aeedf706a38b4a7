"""`viral-trainer`: learn from each collected batch."""

from __future__ import annotations

import os

import typer
from viral_common.cli import one_line_errors

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)


@app.callback()
def trainer() -> None:
    """Learn from each collected batch."""
    # Threads that spin while they wait lose most of their speed, up to ten times, on cores that other services use too.
    # Read once, when torch is imported: hence the import below.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


@app.command()
def run() -> None:
    """Train a challenger on each new batch. Runs until stopped."""
    with one_line_errors():
        from viral_trainer.main import main

        main()
