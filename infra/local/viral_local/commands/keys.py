"""Make, list and retire the keys that models and promotions are signed with (`viral keys`)."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from viral_common.cli import print_errors_as_one_line

from viral_local.commands.audit import record_by_operator

keys = typer.Typer(no_args_is_help=True, help="The keys that models and promotions are signed with.")

Secrets = Annotated[
    Path | None,
    typer.Option(envvar="VIRAL_SECRETS_DIR", help="Folder of the private keys; default: the stack's"),
]
Signers = Annotated[
    Path | None,
    typer.Option(envvar="VIRAL_TRUSTED_SIGNERS", help="File of the trusted keys; default: the stack's"),
]


@keys.command()
def new(
    role: Annotated[
        Literal["trainer", "evaluator", "export"],
        typer.Argument(help="Who signs with it; export: for viral-evaluator export-signature"),
    ],
    secrets: Secrets = None,
    signers: Signers = None,
) -> None:
    """Make a key and trust it; the one before stays trusted until it is retired."""
    with print_errors_as_one_line():
        from viral_local.signing_keys import make_key

        secrets_dir, signers_file = _choose_paths(secrets, signers)
        path = make_key(role, secrets_dir, signers_file)
        typer.echo(f"{path} is the new key; whoever signs with it is to be restarted")
        if role != "export":
            typer.echo(f"{signers_file} trusts it: copy that file to every evaluator and gateway first")
        record_by_operator("make signing key", f"of the {role}")


@keys.command("list")
def list_(secrets: Secrets = None, signers: Signers = None) -> None:
    """List the trusted keys."""
    with print_errors_as_one_line():
        from rich.table import Table
        from viral_common.signing.signers_file import read_signers

        from viral_local.commands.tables import console
        from viral_local.signing_keys import find_own_keys

        secrets_dir, signers_file = _choose_paths(secrets, signers)
        own = find_own_keys(secrets_dir)
        table = Table("key", "role", "from", "until", "private key", box=None, pad_edge=False)
        for one in read_signers(signers_file):
            until = f"{one.valid_until:%Y-%m-%d %H:%M}" if one.valid_until else "-"
            table.add_row(
                one.id, one.role, f"{one.valid_from:%Y-%m-%d}", until, "here" if one.id in own else "-"
            )
        console.print(table)


@keys.command()
def retire(
    key_id: Annotated[str, typer.Argument(help="As `viral keys list` shows it")],
    at: Annotated[
        datetime | None, typer.Option(help="What it signed from then on (UTC) is refused; default: now")
    ] = None,
    signers: Signers = None,
) -> None:
    """Trust a key no longer for what it signs from now on; what it signed before stays valid."""
    with print_errors_as_one_line():
        from viral_local.signing_keys import retire_key

        _, signers_file = _choose_paths(None, signers)
        retire_key(key_id, at.replace(tzinfo=UTC) if at else datetime.now(UTC), signers_file)
        typer.echo(f"{key_id} is retired: copy {signers_file} to every evaluator and gateway")
        record_by_operator("retire signing key", key_id)


def _choose_paths(secrets: Path | None, signers: Path | None) -> tuple[Path, Path]:
    from viral_common.settings import load_settings

    from viral_local.settings import LocalSettings
    from viral_local.signing_keys import SIGNERS_FILE

    root = load_settings(LocalSettings).data_dir
    return secrets or root / "secrets", signers or root / SIGNERS_FILE
