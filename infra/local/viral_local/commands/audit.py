"""Show who did what by hand, check the record of it, and add to it (`viral audit`)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import ViralError

if TYPE_CHECKING:
    from viral_common.database.engine import Sessions
    from viral_common.database.tables import AuditEntry

audit = typer.Typer(no_args_is_help=True, help="Who promoted, rolled back, replayed, forgot or made keys.")


@audit.command("list")
def list_(
    limit: Annotated[int, typer.Option("-n", "--limit", min=1, help="How many of the newest")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="As one JSON document")] = False,
) -> None:
    """List what was done by hand, newest first."""
    with print_errors_as_one_line():
        from rich.markup import escape
        from rich.table import Table
        from viral_common.stores.audit import read_newest_acts

        from viral_local.commands.tables import console

        with _open_database() as db, db() as session:
            entries = read_newest_acts(session, limit)
        if as_json:
            typer.echo(json.dumps([_to_document(entry) for entry in entries], ensure_ascii=False, indent=2))
            return
        table = Table("at", "who", "action", "subject", "before", "after", "why", box=None, pad_edge=False)
        for entry in entries:
            who = " ".join(filter(None, (entry.os_user, entry.person, f"({entry.role})")))
            shown = (json.dumps(one) if one else "-" for one in (entry.before, entry.after))
            cells = (f"{entry.at:%Y-%m-%d %H:%M:%S}", who, entry.action, entry.subject, *shown, entry.reason)
            table.add_row(*map(escape, cells))
        console.print(table if entries else "nothing was done by hand yet")


@audit.command()
def verify(
    expect: Annotated[
        str | None, typer.Option(help="A hash noted earlier: it must be in the chain still")
    ] = None,
) -> None:
    """Check that no row was changed or taken out; exit code 1 if one was. Note the hash that it prints."""
    with print_errors_as_one_line():
        from viral_common.stores.audit import verify_chain

        with _open_database() as db, db() as session:
            check = verify_chain(session, expect)
        if check.broken:
            raise ViralError(f"the audit is broken: {check.broken}")
        typer.echo(f"{check.count} rows, none changed; newest hash: {check.newest_hash or '-'}")


def record_by_operator(action: str, subject: str, **more: Any) -> None:
    """Record what an operator did outside Postgres, or say why that could not be done."""
    from viral_common.stores.audit import record_elsewhere

    try:
        with _open_database() as db:
            problem = record_elsewhere(db, action, subject, **more)
    except ViralError as error:
        problem = str(error)
    if problem:
        typer.echo(f"this is not in the audit: {problem}", err=True)


@contextmanager
def _open_database() -> Iterator[Sessions]:
    """Open the given database, else the running stack's."""
    from viral_common.database.engine import connect, make_sessions, require_schema
    from viral_common.settings import CommonSettings, load_settings

    from viral_local.settings import LocalSettings
    from viral_local.stack.stack import Stack

    settings = load_settings(LocalSettings)
    url = Stack(settings).find_operators_url("database")
    # No broker is asked, but these settings want an address of one.
    engine = connect(
        CommonSettings.model_validate({"database_url": url, "rabbitmq_url": "amqp://127.0.0.1"}), "viral"
    )
    sessions = make_sessions(engine)
    try:
        require_schema(sessions)
        yield sessions
    finally:
        engine.dispose()


def _to_document(entry: AuditEntry) -> dict[str, Any]:
    document = {column.key: getattr(entry, column.key) for column in entry.__table__.columns}
    return document | {"at": entry.at.isoformat()}
