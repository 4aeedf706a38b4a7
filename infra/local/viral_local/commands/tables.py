"""Make tables and lines for people. On a pipe: plain text, one row a line."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.markup import escape
from rich.table import Table
from viral_common.stores.trail import BatchTrail

from viral_local.commands.status import ProgramStatus
from viral_local.stack.plan import Plan

# Wide enough on a pipe that nothing is cut.
console = Console(highlight=False, soft_wrap=True, width=None if Console().is_terminal else 200)


@contextmanager
def show_step(what: str) -> Iterator[None]:
    """Show a spinner while it lasts, a line when it is done."""
    started = time.monotonic()
    with console.status(f"waiting for {what}"):
        yield
    console.print(f"[green]✓[/green] {what} [dim]({time.monotonic() - started:.1f} s)[/dim]")


def make_programs_table(statuses: Sequence[ProgramStatus]) -> Table:
    """Make a table with one program a row; the last column says what is missing."""
    table = Table("program", "state", "pid", "up", "restarts", "ready", box=None, pad_edge=False)
    for status in statuses:
        up = str(timedelta(seconds=status.uptime_s)) if status.uptime_s is not None else "-"
        table.add_row(
            status.name,
            status.state,
            str(status.pid or "-"),
            up,
            str(status.restarts),
            _format_readiness(status),
        )
    return table


def _format_readiness(status: ProgramStatus) -> str:
    if status.outage is not None:
        return f"[yellow]{escape(status.outage)}[/yellow]"
    return "[green]ready[/green]" + (f": {escape(status.doing)}" if status.doing else "")


def make_batches_table(trails: Sequence[BatchTrail]) -> Table:
    """Make a table with the newest batches first."""
    table = Table("batch", "source", "window", "tweets", "version", "verdict", box=None, pad_edge=False)
    for trail in trails:
        batch, verdict = trail.batch, trail.verdict
        table.add_row(
            str(batch.id)[:8],
            batch.source,
            f"{batch.window_from:%Y-%m-%d} to {batch.window_to:%Y-%m-%d}",
            f"{batch.tweet_count:,}" + ("" if batch.collected_at else f" of {batch.target:,}"),
            str(trail.training.model_version) if trail.training else "-",
            verdict.outcome if verdict else "history only" if batch.history_only else "-",
        )
    return table


def make_addresses_table(plan: Plan) -> Table:
    """Make a table of where a person goes next."""
    table = Table(box=None, pad_edge=False, show_header=False)
    login = "  (user operator, password: `viral status --passwords`)"
    pages = (
        ("web form", f"{plan.gateway_url}/"),
        ("pipeline", f"{plan.gateway_url}/pipeline"),
        ("API docs", f"{plan.gateway_url}/docs"),
    )
    for what, address in (
        *(() if plan.only_servers else pages),
        ("MLflow", plan.mlflow_url + (login if plan.own_mlflow else "")),
        ("RabbitMQ", plan.console_url + (login if plan.own_rabbitmq else "")),
        ("logs", f"{plan.home.log_dir}  (or `viral logs`)"),
    ):
        table.add_row(what, address)
    return table
