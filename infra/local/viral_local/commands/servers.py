"""Prepare servers for the services: `viral servers`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import UsageError

servers = typer.Typer(
    no_args_is_help=True, help="Prepare Postgres, RabbitMQ and MLflow: accounts, rights, tables, queues."
)
SECRETS_HELP = "Folder of every account's secrets"


@servers.command("secrets")
def make_secrets(
    folder: Annotated[Path, typer.Argument(help=SECRETS_HELP)],
    containers: Annotated[
        bool,
        typer.Option("--containers", help="Give them to the users that the containers run as; needs root"),
    ] = False,
) -> None:
    """Make the secrets that are missing, signing keys too: a file each, in a folder for each account."""
    with print_errors_as_one_line():
        from viral_local.prepare.secret_files import CONTAINER_USERS, SecretFiles
        from viral_local.signing_keys import SIGNERS_FILE, make_missing_keys

        if containers and os.geteuid() != 0:
            raise UsageError("only root may give files to others: run it with sudo")
        files = SecretFiles(folder)
        files.make()
        make_missing_keys(folder, folder / SIGNERS_FILE)
        for account, user in CONTAINER_USERS.items() if containers else ():
            files.give_to(account, user)
        typer.echo(f"secrets are in {folder}; each service needs its own folder alone")


@servers.command()
def prepare(
    secrets: Annotated[Path, typer.Option(envvar="VIRAL_SECRETS_DIR", help=SECRETS_HELP)],
    database_url: Annotated[
        str | None, typer.Option(envvar="VIRAL_ADMIN_DATABASE_URL", help="Postgres, as who may make roles")
    ] = None,
    console_url: Annotated[
        str | None,
        typer.Option(envvar="VIRAL_ADMIN_RABBITMQ_CONSOLE_URL", help="RabbitMQ's management console"),
    ] = None,
    rabbitmq_url: Annotated[
        str | None, typer.Option(envvar="VIRAL_ADMIN_RABBITMQ_URL", help="The same RabbitMQ, as amqp://")
    ] = None,
    mlflow_url: Annotated[
        str | None, typer.Option(envvar="VIRAL_ADMIN_MLFLOW_URL", help="MLflow, with accounts switched on")
    ] = None,
    ca_file: Annotated[
        Path | None, typer.Option(envvar="VIRAL_CA_FILE", help="The authority of the servers' certificates")
    ] = None,
    allow_plain: Annotated[
        bool, typer.Option(envvar="VIRAL_ALLOW_PLAIN", help="Send passwords to other machines unencrypted")
    ] = False,
) -> None:
    """Make accounts, rights, tables and queues; again changes nothing but passwords that changed.

    An address that names nobody is asked as Postgres' `postgres`, and as RabbitMQ's and MLflow's `operator`.
    """
    with print_errors_as_one_line():
        from viral_common.addresses import fill_account

        from viral_local.prepare.mlflow import prepare_mlflow
        from viral_local.prepare.postgres import build_owner_url, prepare_roles, prepare_tables
        from viral_local.prepare.rabbitmq import prepare_rabbitmq
        from viral_local.prepare.secret_files import DATABASE, MLFLOW, RABBITMQ, SecretFiles

        files = SecretFiles(secrets)
        if bool(console_url) != bool(rabbitmq_url):
            raise UsageError("RabbitMQ takes both --console-url and --rabbitmq-url")
        if not (database_url or rabbitmq_url or mlflow_url):
            raise UsageError(
                "no server is named: give --database-url, --console-url with --rabbitmq-url, --mlflow-url"
            )
        database_url, console_url, rabbitmq_url, mlflow_url = (
            fill_trust(url, option, scheme, ca_file, allow_plain)
            for url, option, scheme in (
                (database_url, "--database-url", "postgresql"),
                (console_url, "--console-url", "https"),
                (rabbitmq_url, "--rabbitmq-url", "amqps"),
                (mlflow_url, "--mlflow-url", "https"),
            )
        )
        if database_url:
            admin_url = fill_account(database_url, "postgres", files.read("postgres", DATABASE))
            prepare_roles(admin_url, files)
            prepare_tables(build_owner_url(admin_url, files))
            typer.echo("Postgres: roles, databases, tables and rights are there")
        if console_url and rabbitmq_url:
            password = files.read("operator", RABBITMQ)
            filled = [fill_account(url, "operator", password) for url in (console_url, rabbitmq_url)]
            prepare_rabbitmq(filled[0], filled[1], files)
            typer.echo("RabbitMQ: users, permissions, queues and the trace are there")
        if mlflow_url:
            login_url = fill_account(mlflow_url, "operator", files.read("operator", MLFLOW))
            prepare_mlflow(login_url, files.read_all(MLFLOW))
            typer.echo("MLflow: accounts and permissions are there")


def fill_trust(
    url: str | None, option: str, scheme: str, ca_file: Path | None, allow_plain: bool
) -> str | None:
    """Put in whom to trust. Raises UsageError for a plain connection to another machine, unless it is allowed."""
    from viral_common.encryption import check_encryption, check_postgres_encryption, fill_authority

    if url is None:
        return None
    if not allow_plain:
        try:
            check_postgres_encryption(url) if scheme == "postgresql" else check_encryption(url, scheme)
        except ValueError as error:
            raise UsageError(f"{option}: {error}") from error
    return fill_authority(url, ca_file)
