"""Store, restore and upgrade what cannot be made anew (`viral backup`, `viral restore`, `viral upgrade`)."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import UsageError

from viral_local.commands.servers import fill_trust

if TYPE_CHECKING:
    from viral_local.backup.backup import Parts
    from viral_local.backup.folder import Manifest
    from viral_local.settings import LocalSettings
    from viral_local.stack.stack import Stack

stored_data = typer.Typer()

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        envvar="VIRAL_ADMIN_DATABASE_URL",
        help="Postgres, as who may make roles; needs VIRAL_SECRETS_DIR; default: this machine's stack",
    ),
]
Artefacts = Annotated[Path | None, typer.Option(help="With --database-url: folder of MLflow's artefacts")]


@stored_data.command()
def backup(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Made, or empty")],
    database_url: DatabaseUrl = None,
    artefacts: Artefacts = None,
    certs: Annotated[Path | None, typer.Option(help="Also this folder of certificates")] = None,
    with_secrets: Annotated[
        bool, typer.Option("--secrets-too/--no-secrets", help="Whether passwords and keys are in it")
    ] = True,
) -> None:
    """Copy databases, artefacts, secrets and keys into a folder, while everything runs."""
    with print_errors_as_one_line():
        from dataclasses import replace

        from viral_local.backup.backup import Parts, make_backup

        started, stack = time.monotonic(), _begin()
        parts = (
            _build_parts(stack.settings, database_url, artefacts)
            if database_url
            else Parts.from_plan(stack.plan())
        )
        parts = replace(parts, certs=certs, secrets=parts.secrets if with_secrets else None)
        manifest, problem = make_backup(parts, folder, stack.step)
        if problem:
            typer.echo(f"this is not in the audit: {problem}", err=True)
        if not manifest.has_artefacts:
            typer.echo("MLflow's artefacts are not in it: --artefacts names their folder", err=True)
        _print_end("backup", manifest, folder, started)


@stored_data.command()
def restore(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="As `viral backup` made it")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Also where there is data, which is kept under another name")
    ] = False,
    database_url: DatabaseUrl = None,
    artefacts: Artefacts = None,
) -> None:
    """Put a backup into the stack, which must not run, or into servers to which no service is connected."""
    with print_errors_as_one_line():
        from viral_local.backup.folder import SIGNERS
        from viral_local.backup.restore import put_secrets, restore_servers, restore_stack

        started, stack = time.monotonic(), _begin()
        if database_url:
            if secrets := stack.settings.secrets_dir:
                put_secrets(folder, secrets, secrets / SIGNERS)
            parts = _build_parts(stack.settings, database_url, artefacts)
            manifest, kept = restore_servers(parts, folder, replace, stack.step)
            then = "`viral servers prepare`, then the services"
        else:
            manifest, kept = restore_stack(stack, folder, replace)
            then = "`viral up`"
        if kept:
            typer.echo(f"what was there is kept, until you drop it: database {', '.join(kept)}")
        _print_end("restored", manifest, folder, started)
        typer.echo(f"next: {then}")


@stored_data.command()
def upgrade() -> None:
    """Bring the stack's data to this version: Postgres' files, tables, rights. It must not run."""
    with print_errors_as_one_line():
        from viral_local.backup.upgrade import upgrade_stack

        upgrade_stack(_begin())
        typer.echo("all is of this version; next: `viral up`")


def _begin() -> Stack:
    from viral_common.settings import load_settings

    from viral_local.commands.tables import show_step
    from viral_local.settings import LocalSettings
    from viral_local.stack.stack import Stack

    return Stack(load_settings(LocalSettings), show_step, only_servers=True)


def _build_parts(settings: LocalSettings, database_url: str, artefacts: Path | None) -> Parts:
    from viral_common.addresses import fill_account

    from viral_local.backup.backup import Parts
    from viral_local.backup.folder import SIGNERS
    from viral_local.prepare.secret_files import DATABASE, SecretFiles

    if (secrets := settings.secrets_dir) is None:
        raise UsageError("--database-url needs VIRAL_SECRETS_DIR, for the password of Postgres' `postgres`")
    option, trusted = "--database-url", settings.ca_file
    url = fill_trust(database_url, option, "postgresql", trusted, settings.allow_plain) or database_url
    admin_url = fill_account(url, "postgres", SecretFiles(secrets).read("postgres", DATABASE))
    return Parts(admin_url, secrets, secrets / SIGNERS, artefacts)


def _print_end(what: str, manifest: Manifest, folder: Path, started: float) -> None:
    seconds, size = time.monotonic() - started, sum(one for one, _ in manifest.files.values())
    typer.echo(f"{what}: {size / 1e6:,.1f} MB, {len(manifest.files)} files, {seconds:.1f} s: {folder}")
