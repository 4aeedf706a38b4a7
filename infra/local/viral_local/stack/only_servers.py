"""Run only the servers, on free ports, for as long as a test needs them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from viral_common.database.grants import OWNER, allow_databases

from viral_local.settings import LocalSettings
from viral_local.stack.plan import Plan
from viral_local.stack.stack import Stack


@contextmanager
def run_servers(data_dir: Path, tls: bool = False) -> Iterator[Plan]:
    """Run Postgres (empty), RabbitMQ and MLflow; the plan has their URLs. All is stopped and deleted at the end.

    Servers named by VIRAL_DATABASE_URL and its like are ignored: a test must not write into somebody's data.
    """
    stack = make_servers_stack(data_dir, tls)
    try:
        plan = stack.up()
        # A test wants a database of its own.
        allow_databases(plan.admin_url, OWNER)
        yield plan
    finally:
        stack.down(purge=True)


def make_servers_stack(data_dir: Path, tls: bool = False) -> Stack:
    """Make the same stack, to start and stop by hand."""
    given = dict.fromkeys(("database_url", "rabbitmq_url", "mlflow_url", "rabbitmq_console_url"))
    return Stack(LocalSettings(data_dir=data_dir, tls=tls, **given), only_servers=True, any_ports=True)
