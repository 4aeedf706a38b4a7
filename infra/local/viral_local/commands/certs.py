"""Make, renew and list the certificates of the servers (`viral certs`)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import ViralError

certs = typer.Typer(no_args_is_help=True, help="Certificates for Postgres, RabbitMQ, MLflow and the gateway.")

Folder = Annotated[
    Path, typer.Argument(metavar="DIR", help="Where they are kept; .viral/certs is the stack's")
]


@certs.command()
def new(
    folder: Folder,
    host: Annotated[
        list[str] | None, typer.Option(help="A name or address the servers are reached by, besides localhost")
    ] = None,
) -> None:
    """Make an authority and a certificate for each server; what is there and still good stays."""
    with print_errors_as_one_line():
        from viral_local.certificates import make_certificates

        made = make_certificates(folder, host or [])
        typer.echo(f"made: {', '.join(made)}" if made else "all are there and good")


@certs.command()
def renew(
    folder: Folder,
    server: Annotated[
        list[str] | None, typer.Option(help="Only of postgres, rabbitmq, mlflow or gateway; default: of all")
    ] = None,
) -> None:
    """Replace certificates and their keys in place; no service is restarted for it."""
    with print_errors_as_one_line():
        from viral_local.certificates import SERVERS, renew_certificates

        servers = server or SERVERS
        renew_certificates(folder, servers)
        typer.echo(f"renewed: {', '.join(servers)}")
        if "postgres" in servers and not _reload_own_postgres(folder):
            typer.echo("Postgres takes it up when told to: SELECT pg_reload_conf()")


@certs.command("list")
def list_(folder: Folder) -> None:
    """Show until when each is valid; exit code 1 if one is due to be renewed."""
    with print_errors_as_one_line():
        from viral_local.certificates import is_due, read_certificates, read_names

        found = read_certificates(folder)
        for name, certificate in found.items():
            until = certificate.not_valid_after_utc
            left = (until - datetime.now(UTC)).days
            names = [] if name == "ca" else [str(one.value) for one in read_names(certificate)]
            state = "expired" if left < 0 else f"{left} days left"
            typer.echo(f"{name:10}{until:%Y-%m-%d %H:%M} UTC, {state:16} {', '.join(names)}".rstrip())
        if due := [name for name, certificate in found.items() if is_due(certificate)]:
            raise ViralError(f"due: {', '.join(due)}; replace them with `viral certs renew {folder}`")


def _reload_own_postgres(folder: Path) -> bool:
    """Have the running stack's Postgres read its certificate anew, if these are its certificates."""
    if not (folder.absolute().parent / "plan.json").is_file():
        return False
    from viral_local.home import Home
    from viral_local.servers.postgres import reload_configuration

    home = Home(folder.absolute().parent)
    return home.tls_dir == folder.absolute() and reload_configuration(home)
