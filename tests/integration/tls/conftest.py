"""Postgres, RabbitMQ and MLflow with TLS, as `viral up --tls` runs them."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr
from viral_common.settings import CommonSettings
from viral_local.certificates import find_authority
from viral_local.prepare.postgres import prepare_tables
from viral_local.servers.postgres import reload_configuration
from viral_local.stack.only_servers import run_servers
from viral_local.stack.plan import Plan

HERE = Path(__file__).parent
# A name of this machine that no certificate has.
OTHER_NAME = "db.example.org"
RABBITMQCTL = "/usr/lib/rabbitmq/bin/rabbitmqctl"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("VIRAL_TEST_TLS") != "1":
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="takes minutes: `make tls`"))


@dataclass(frozen=True)
class TlsServers:
    """The stack's servers, and its certificates."""

    plan: Plan

    @property
    def certs(self) -> Path:
        return self.plan.home.tls_dir

    def make_settings(self, **changes: Any) -> CommonSettings:
        """Make a service's; what is changed is an address or a setting."""
        given = {
            "database_url": self.plan.owner_url,
            "rabbitmq_url": self.plan.rabbitmq_url,
            "mlflow_url": self.plan.mlflow_login_url,
            "ca_file": find_authority(self.certs),
            "data_dir": self.plan.home.root,
        }
        return CommonSettings.model_validate({**given, **changes})

    def make_settings_for(self, name: str = "127.0.0.1", authority: Path | None = None) -> CommonSettings:
        """Make settings whose servers are reached by another name, or trusted by another authority."""
        port = urlsplit(self.plan.owner_url).port
        login = urlsplit(self.plan.owner_url).netloc.rpartition("@")[0]
        mlflow_login = urlsplit(self.plan.mlflow_login_url).netloc.rpartition("@")[0]
        broker_login = urlsplit(self.plan.rabbitmq_url).netloc.rpartition("@")[0]
        return self.make_settings(
            # libpq asks the system for names, this test process does not: hence the address beside it.
            database_url=f"postgresql://{login}@{name}:{port}/viral?hostaddr=127.0.0.1&sslmode=verify-full",
            rabbitmq_url=f"amqps://{broker_login}@{name}:{self.plan.ports['rabbitmq']}/%2F",
            mlflow_url=f"https://{mlflow_login}@{name}:{self.plan.ports['mlflow']}",
            ca_file=authority or find_authority(self.certs),
        )

    def make_plain_settings(self) -> CommonSettings:
        """Make settings without encryption, which loopback permits."""
        urls = (self.plan.owner_url, self.plan.rabbitmq_url, self.plan.mlflow_login_url)
        plain = [urlsplit(url)._replace(query="").geturl() for url in urls]
        database, broker, mlflow = plain
        return self.make_settings(
            database_url=f"{database}?sslmode=disable",
            rabbitmq_url=broker.replace("amqps:", "amqp:"),
            mlflow_url=mlflow.replace("https:", "http:"),
        )

    def take_up_at_once(self) -> None:
        """Have Postgres and RabbitMQ read their files now; MLflow does at each connection."""
        assert reload_configuration(self.plan.home)
        home = self.plan.home
        home.owner.run(
            [RABBITMQCTL, "-n", f"viral-{home.stack_id}@localhost", "eval", "ssl:clear_pem_cache()."],
            HOME=str(home.owner.data_dir / "rabbitmq"),
            ERL_EPMD_PORT=str(self.plan.ports["epmd"]),
            LANG="C.UTF-8",
        )


@pytest.fixture(scope="package")
def tls_servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsServers]:
    with run_servers(tmp_path_factory.mktemp("tls"), tls=True) as plan:
        prepare_tables(plan.owner_url)
        yield TlsServers(plan)


@pytest.fixture(autouse=True)
def _resolve_other_name(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one more name mean this machine, and MLflow's client not try again."""
    resolve = socket.getaddrinfo

    def resolve_ours(host: Any, *arguments: Any, **options: Any) -> Any:
        return resolve("127.0.0.1" if host == OTHER_NAME else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_ours)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


def hide(secret: SecretStr) -> str:
    return secret.get_secret_value()
