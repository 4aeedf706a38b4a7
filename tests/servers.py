"""The real servers behind the integration tests."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from viral_local.prepare.secret_files import SecretFiles
from viral_local.stack.only_servers import run_servers
from viral_local.stack.plan import Plan


@dataclass(frozen=True)
class Servers:
    """Where they listen; the URLs carry the credentials."""

    database_url: str
    rabbitmq_url: str
    rabbitmq_console_url: str
    mlflow_url: str
    stack_file: Path
    admin_url: str
    """Postgres, as its superuser."""
    secrets: SecretFiles
    """The passwords of every account."""

    @classmethod
    def from_plan(cls, plan: Plan) -> Servers:
        """Take the addresses of servers that the launcher started."""
        return cls(
            plan.owner_url,
            plan.rabbitmq_url,
            plan.console_url,
            plan.mlflow_login_url,
            plan.home.stack_file,
            plan.admin_url,
            plan.secrets,
        )

    def kill(self, name: str) -> None:
        """SIGKILL `postgres`, `rabbitmq` or `mlflow`; the supervisor starts it again."""
        os.kill(json.loads(self.stack_file.read_text())["pids"][name], signal.SIGKILL)


@contextmanager
def started_servers(data_dir: Path, tls: bool = False) -> Iterator[Servers]:
    """Private ones on free ports, stopped and deleted at the end."""
    with run_servers(data_dir, tls) as plan:
        yield Servers.from_plan(plan)
