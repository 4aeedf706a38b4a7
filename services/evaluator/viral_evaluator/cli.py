"""Judge challengers, or promote and roll back by hand (`viral-evaluator`).

The commands import what they need themselves, so that `--help` and a shell's completion answer at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer
from viral_common.cli import print_errors_as_one_line

app = typer.Typer(no_args_is_help=True, help="Judge challengers, or decide by hand.")


@app.command()
def run() -> None:
    """Score each new challenger against the champion; promote the better. Runs until stopped."""
    with print_errors_as_one_line():
        from viral_evaluator.main import main

        main()


@app.command()
def promote(
    version: Annotated[int, typer.Argument(min=1, help="The version in MLflow to deploy")],
    reason: Annotated[str, typer.Option(help="Why; kept with the promotion")],
    precision: Annotated[
        Literal["fp32", "int8"] | None, typer.Option(help="Default: what its verdict says")
    ] = None,
) -> None:
    """Deploy a version by hand, whatever the verdicts say."""
    with print_errors_as_one_line():
        from viral_evaluator.by_hand import promote_version

        promote_version(version, reason, precision)


@app.command()
def rollback(
    reason: Annotated[str, typer.Option(help="Why; kept with the promotion")] = "rolled back",
) -> None:
    """Deploy the champion before the present one again, as it served (a second rollback undoes the first)."""
    with print_errors_as_one_line():
        from viral_evaluator.by_hand import roll_back

        roll_back(reason)


@app.command("export-signature")
def export_signature_(
    version: Annotated[
        int | None, typer.Argument(min=1, help="The version in MLflow; default: the champion")
    ] = None,
    out: Annotated[Path, typer.Option(help="An empty folder for the artefact and its signature")] = Path(
        "model"
    ),
) -> None:
    """Write an artefact with a signature that OpenSSF's `model_signing verify` checks."""
    with print_errors_as_one_line():
        from viral_evaluator.export_signature import export_signature

        export_signature(version, out)
