"""`viral`: the one-machine stack, and what an operator needs to look into the pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import UsageError, ViralError
from viral_common.settings import load_settings

from viral_local.commands import doctor as checks
from viral_local.commands import messages
from viral_local.commands.demo import Demo
from viral_local.commands.status import program_statuses
from viral_local.commands.tables import addresses_table, batches_table, console, programs_table, step
from viral_local.commands.trails import newest_trails
from viral_local.process import logs as log_reading
from viral_local.settings import LocalSettings
from viral_local.stack.stack import Stack

app = typer.Typer(no_args_is_help=True, add_completion=False, help=__doc__)
app.add_typer(messages.events, name="events")
app.add_typer(messages.dead_letters, name="dead-letters")


@contextmanager
def _edge() -> Iterator[None]:
    """Where errors become one line. Someone else's `.viral` is such an error too."""
    with print_errors_as_one_line():
        try:
            yield
        except PermissionError as error:
            somebody = f"{error.filename} belongs to somebody else"
            raise UsageError(f"{somebody}: use their account or VIRAL_DATA_DIR") from error
        except KeyboardInterrupt:
            raise ViralError("interrupted; `viral status` shows what runs, `viral down` stops it") from None


def _stack() -> Stack:
    return Stack(load_settings(LocalSettings), step)


@app.command()
def up() -> None:
    """Start what is not running yet."""
    with _edge():
        plan = _stack().up()
        console.print(addresses_table(plan))


@app.command()
def down(
    purge: Annotated[bool, typer.Option(help="Also delete all data of this stack")] = False,
) -> None:
    """Stop everything this stack started and nothing else."""
    with _edge():
        with console.status("stopping"):
            stopped = _stack().down(purge)
        console.print(f"{stopped} processes stopped" if stopped else "nothing is running")
        if purge:
            console.print("all data of this stack is deleted")


@app.command()
def demo(
    tweets: Annotated[
        Path | None,
        typer.Option(help="A file of tweets by Twint, snscrape or X's API; without it tweets are invented"),
    ] = None,
) -> None:
    """Start the stack and watch the whole story: collected, trained, judged, served."""
    with _edge():
        raise typer.Exit(Demo(_stack()).run(tweets))


@app.command()
def status(
    passwords: Annotated[
        bool, typer.Option("--passwords", help="Also print the generated passwords")
    ] = False,
) -> None:
    """What runs and whether it is ready; exit code 1 if something is missing."""
    with _edge():
        stack = _stack()
        plan = stack.plan()
        statuses = program_statuses(plan, stack.supervisor)
        console.print(programs_table(statuses), addresses_table(plan), sep="\n\n")
        if passwords:
            console.print("", *(f"{name}: {password}" for name, password in plan.passwords.items()), sep="\n")
        if trails := newest_trails(plan):  # last: it needs Postgres, and those who ask may have none
            console.print("", batches_table(trails), sep="\n")
        raise typer.Exit(0 if all(status.trouble is None for status in statuses) else 1)


@app.command()
def logs(
    program: Annotated[str | None, typer.Argument(help="One program; all without it")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines come")] = False,
    lines: Annotated[int, typer.Option("-n", help="How many of the last lines")] = 20,
) -> None:
    """What the programs wrote."""
    with _edge():
        paths = log_reading.log_files(_stack().home, program)
        for path in paths:
            for line in log_reading.last_lines(path, lines):
                typer.echo(line if program else f"{path.stem:10} {line}")
        if follow:
            for name, line in log_reading.follow(paths):
                typer.echo(line if program else f"{name:10} {line}")


@app.command()
def doctor() -> None:
    """What this machine lacks; exit code 1 if the stack could not start."""
    with _edge():
        stack = _stack()
        findings = checks.examine(stack.settings, running=stack.is_running)
        for finding in findings:
            mark = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "[yellow]![/yellow]"}[finding.ok]
            console.print(mark, finding.line)
        raise typer.Exit(1 if any(finding.ok is False for finding in findings) else 0)


if __name__ == "__main__":
    app()
