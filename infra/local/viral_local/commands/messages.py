"""Show events and dead letters, and replay these (`viral events`, `viral dead-letters`)."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import UsageError

events = typer.Typer(no_args_is_help=True, help="The events that the services send each other.")
dead_letters = typer.Typer(no_args_is_help=True, help="Messages that a service gave up.")


@events.command()
def tail() -> None:
    """Print every event from now on, one JSON document a line."""
    with print_errors_as_one_line():
        from viral_common.bus import operations

        for message in operations.tail(_find_rabbitmq_url()):
            typer.echo(_format_on_one_line(message.body))


@dead_letters.command("list")
def list_() -> None:
    """List what lies in the dead-letter queue, oldest first."""
    with print_errors_as_one_line():
        from rich.markup import escape
        from rich.table import Table
        from viral_common.bus import operations

        from viral_local.commands.tables import console

        letters = operations.list_dead_letters(_find_rabbitmq_url())
        if not letters:
            console.print("no dead letters")
            return
        table = Table("message", "queue", "type", "since", "reason", box=None, pad_edge=False)
        for letter in letters:
            cells = (letter.message_id, letter.queue, letter.type, letter.dead_lettered_at, letter.reason)
            table.add_row(*map(escape, cells))
        console.print(table)


@dead_letters.command()
def replay(
    message_ids: Annotated[
        list[str] | None, typer.Argument(help="As `viral dead-letters list` shows them")
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of them")] = False,
) -> None:
    """Send dead letters back to the queue they came from."""
    with print_errors_as_one_line():
        from viral_common.bus import operations

        from viral_local.commands.audit import record_by_operator
        from viral_local.commands.tables import console

        if bool(message_ids) == everything:
            raise UsageError("name the messages to replay, or say --all")
        replayed = operations.replay(_find_rabbitmq_url(), None if everything else set(message_ids or []))
        if not (replayed.count or replayed.stayed or everything):
            raise UsageError("no dead letter has such an id; see `viral dead-letters list`")
        console.print(f"{replayed.count} sent back")
        named = "all dead letters" if everything else ", ".join(message_ids or [])
        record_by_operator(
            "replay", named, after={"sent_back": replayed.count, "stayed": len(replayed.stayed)}
        )
        for line in replayed.stayed:
            console.print(line, markup=False)
        raise typer.Exit(1 if replayed.stayed else 0)


def _find_rabbitmq_url() -> str:
    """Find the given server's URL, else the running stack's."""
    from viral_common.settings import load_settings

    from viral_local.settings import LocalSettings
    from viral_local.stack.stack import Stack

    settings = load_settings(LocalSettings)
    return Stack(settings).find_operators_url("rabbitmq")


def _format_on_one_line(body: bytes) -> str:
    try:
        return json.dumps(json.loads(body), ensure_ascii=False)
    except (ValueError, RecursionError):
        return repr(body)
