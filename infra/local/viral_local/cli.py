"""Start, watch and stop the one-machine stack, and look into its pipeline (`viral`).

The commands import what they need themselves, so that `--help` and a shell's completion answer at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from viral_common.cli import print_errors_as_one_line
from viral_common.errors import UsageError, ViralError

from viral_local.commands import keys, messages
from viral_local.commands.audit import audit
from viral_local.commands.backup import stored_data
from viral_local.commands.certs import certs
from viral_local.commands.servers import servers
from viral_local.commands.units import units

if TYPE_CHECKING:
    from viral_local.stack.stack import Stack

app = typer.Typer(
    no_args_is_help=True, help="The one-machine stack, and what an operator needs to look into the pipeline."
)
app.add_typer(messages.events, name="events")
app.add_typer(messages.dead_letters, name="dead-letters")
app.add_typer(keys.keys, name="keys")
app.add_typer(audit, name="audit")
app.add_typer(certs, name="certs")
app.add_typer(servers, name="servers")
app.add_typer(units, name="units")
app.add_typer(stored_data)

AnyAddress = Annotated[
    IPv4Address | None,
    typer.Option(
        parser=IPv4Address, help="This host's, for others; default: VIRAL_BIND_ADDRESS, the last one"
    ),
]


@contextmanager
def _print_errors() -> Iterator[None]:
    """Print an error as one line. Someone else's `.viral` is such an error too."""
    with print_errors_as_one_line():
        try:
            yield
        except PermissionError as error:
            somebody = f"{error.filename} belongs to somebody else"
            raise UsageError(f"{somebody}: use their account or VIRAL_DATA_DIR") from error
        except KeyboardInterrupt:
            raise ViralError("interrupted; `viral status` shows what runs, `viral down` stops it") from None


def _load_stack(only_servers: bool = False, **asked: object) -> Stack:
    from viral_common.settings import load_settings

    from viral_local.commands.tables import show_step
    from viral_local.settings import LocalSettings
    from viral_local.stack.stack import Stack

    settings = load_settings(LocalSettings)
    given = {name: value for name, value in asked.items() if value is not None}
    return Stack(settings.model_copy(update=given), show_step, only_servers)


@app.command()
def up(
    tls: Annotated[
        bool | None,
        typer.Option("--tls/--no-tls", help="Encrypt all connections; default: VIRAL_TLS, else no"),
    ] = None,
) -> None:
    """Start what is not running yet."""
    with _print_errors():
        from viral_local.commands.tables import console, make_addresses_table

        plan = _load_stack(tls=tls).up()
        console.print(make_addresses_table(plan))


@servers.command()
def start(bind: AnyAddress = None) -> None:
    """Start Postgres, RabbitMQ and MLflow, prepared for services on other hosts, and encrypted for these."""
    with _print_errors():
        from viral_local.commands.tables import console

        plan = _load_stack(only_servers=True, bind_address=bind).up()
        addresses = [f"{name}={value}" for name, value in plan.make_addresses().items()]
        console.print("Settings of the services:", *addresses, sep="\n")


@servers.command("stop")
@app.command()
def down(
    purge: Annotated[bool, typer.Option(help="Also delete all data of this stack")] = False,
) -> None:
    """Stop everything this stack started and nothing else."""
    with _print_errors():
        from viral_local.commands.tables import console

        with console.status("stopping"):
            stopped = _load_stack().down(purge)
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
    """Start the stack and watch each batch: collected, trained, judged, served."""
    with _print_errors():
        from viral_local.commands.demo import Demo

        raise typer.Exit(Demo(_load_stack()).run(tweets))


@servers.command("status")
@app.command()
def status(
    passwords: Annotated[
        bool, typer.Option("--passwords", help="Also print the generated passwords")
    ] = False,
) -> None:
    """Show what runs and whether it is ready; exit code 1 if something is missing."""
    with _print_errors():
        from viral_local.commands.status import read_program_statuses
        from viral_local.commands.tables import (
            console,
            make_addresses_table,
            make_batches_table,
            make_programs_table,
        )
        from viral_local.commands.trails import read_newest_trails

        stack = _load_stack()
        plan = stack.plan()
        statuses = read_program_statuses(plan, stack.supervisor)
        console.print(make_programs_table(statuses), make_addresses_table(plan), sep="\n\n")
        if passwords:
            console.print("", *plan.secrets.describe("operator"), sep="\n")
        if trails := read_newest_trails(plan):  # last: it needs Postgres, and those who ask may have none
            console.print("", make_batches_table(trails), sep="\n")
        raise typer.Exit(0 if all(status.outage is None for status in statuses) else 1)


@app.command()
def logs(
    program: Annotated[str | None, typer.Argument(help="One program; all without it")] = None,
    follow: Annotated[bool, typer.Option("-f", "--follow", help="Go on as lines come")] = False,
    lines: Annotated[int, typer.Option("-n", help="How many of the last lines")] = 20,
) -> None:
    """Show what the programs wrote."""
    with _print_errors():
        from viral_local.process import logs as log_reading

        paths = log_reading.find_log_files(_load_stack().home, program)
        for path in paths:
            for line in log_reading.read_last_lines(path, lines):
                typer.echo(line if program else f"{path.stem:10} {line}")
        if follow:
            for name, line in log_reading.follow(paths):
                typer.echo(line if program else f"{name:10} {line}")


@app.command()
def doctor() -> None:
    """Check what this machine lacks; exit code 1 if the stack could not start."""
    with _print_errors():
        from viral_local.commands.doctor import examine
        from viral_local.commands.tables import console

        stack = _load_stack()
        findings = examine(stack.settings, running=stack.is_running)
        for finding in findings:
            mark = {True: "[green]✓[/green]", False: "[red]✗[/red]", None: "[yellow]![/yellow]"}[finding.ok]
            console.print(mark, finding.line)
        raise typer.Exit(1 if any(finding.ok is False for finding in findings) else 0)


if __name__ == "__main__":
    app()
