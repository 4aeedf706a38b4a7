"""Write systemd units (`viral units`)."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from viral_common.cli import print_errors_as_one_line

units = typer.Typer(no_args_is_help=True, help="systemd units, for hosts without containers.")

Services = Annotated[str, typer.Option(help="Those of this host, with commas; `servers` is one, too")]
Folder = Annotated[Path, typer.Option(help="Holds services.env, servers.env, secrets/ and certs/")]
Target = Annotated[Path, typer.Option("--dir", help="Where units go")]


@units.command()
def install(
    services: Services, folder: Folder = Path("/etc/viral"), directory: Target = Path("/etc/systemd/system")
) -> None:
    """Write a hardened unit for each service, with an account of its own that alone reads its secrets; as root."""
    with print_errors_as_one_line():
        from viral_local.units.install import install_unit

        for name in services.split(","):
            typer.echo(f"wrote {install_unit(name, folder.absolute(), directory)}")


@units.command()
def show(services: Services, folder: Folder = Path("/etc/viral")) -> None:
    """Print the units."""
    with print_errors_as_one_line():
        from viral_local.units.install import render_unit

        typer.echo("\n".join(render_unit(name, folder.absolute()) for name in services.split(",")))
