"""The real servers behind the integration tests."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from viral_local.servers import running_servers


@dataclass(frozen=True)
class Servers:
    """Where they listen; the URLs carry the credentials."""

    database_url: str
    rabbitmq_url: str
    rabbitmq_console_url: str
    mlflow_url: str


@contextmanager
def started_servers(data_dir: Path) -> Iterator[Servers]:
    """Private ones on free ports, stopped and deleted at the end."""
    with running_servers(data_dir) as plan:
        yield Servers(plan.database_url, plan.rabbitmq_url, plan.console_url, plan.mlflow_url)
