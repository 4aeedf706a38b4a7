"""Describe what a stack consists of.

Which servers are private and which are given, on which ports, under which addresses.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from pydantic import BaseModel
from viral_common.addresses import fill_account, format_for_sqlalchemy
from viral_common.encryption import fill_authority

from viral_local.certificates import find_authority, find_certificate
from viral_local.home import Home
from viral_local.ports import LOOPBACK
from viral_local.prepare.secret_files import DATABASE, MLFLOW, RABBITMQ, SecretFiles
from viral_local.process.program import Program
from viral_local.servers import mlflow, postgres, rabbitmq, services
from viral_local.settings import LocalSettings
from viral_local.signing_keys import choose_signers_file


class Given(BaseModel):
    """Servers that a person runs: used as they are and never started or stopped."""

    database_url: str | None = None
    rabbitmq_url: str | None = None
    mlflow_url: str | None = None
    rabbitmq_console_url: str | None = None
    secrets_dir: str | None = None
    ca_file: str | None = None

    @classmethod
    def from_settings(cls, settings: LocalSettings) -> Self:
        """Take them with the passwords in clear: they are to be passed on."""
        return cls(
            database_url=settings.database_url.get_secret_value() if settings.database_url else None,
            rabbitmq_url=settings.rabbitmq_url.get_secret_value() if settings.rabbitmq_url else None,
            mlflow_url=settings.mlflow_url,
            rabbitmq_console_url=settings.rabbitmq_console_url,
            secrets_dir=str(settings.secrets_dir.absolute()) if settings.secrets_dir else None,
            ca_file=str(settings.ca_file.absolute()) if settings.ca_file else None,
        )


@dataclass(frozen=True)
class Plan:
    """Derive everything from given servers, ports and secrets alone. `choices`: settings chosen for the scraper."""

    home: Home
    given: Given
    ports: dict[str, int]
    choices: dict[str, str]
    only_servers: bool = False
    bind: str = LOOPBACK
    """The address on which servers are for other hosts too."""
    names: tuple[str, ...] = ()
    """More names and addresses that certificates are for, such as those of gateways elsewhere."""

    @property
    def addresses(self) -> list[str]:
        """Where servers listen: always on loopback, for what runs beside them."""
        return list(dict.fromkeys((LOOPBACK, self.bind)))

    @property
    def own_postgres(self) -> bool:
        return self.given.database_url is None

    @property
    def own_rabbitmq(self) -> bool:
        return self.given.rabbitmq_url is None

    @property
    def own_mlflow(self) -> bool:
        return self.given.mlflow_url is None

    @property
    def secrets(self) -> SecretFiles:
        """Every account's passwords; a person may keep them elsewhere."""
        return SecretFiles(Path(self.given.secrets_dir or self.home.secrets_dir))

    @property
    def database_url(self) -> str:
        """As the operator."""
        return self._fill(self._database_address, "operator", DATABASE)

    @property
    def owner_url(self) -> str:
        """As who owns the tables."""
        return self._fill(self._database_address, "viral", DATABASE)

    @property
    def admin_url(self) -> str:
        """As the private Postgres' superuser."""
        return self._fill(self._format_postgres_url("postgres"), "postgres", DATABASE)

    @property
    def mlflow_database_url(self) -> str:
        """A given Postgres has one database for all; MLflow then keeps to a schema of its own."""
        if self.own_postgres:
            # Whoever runs MLflow may not reach what others trust, so it has a copy.
            address = fill_authority(
                self._format_postgres_url("mlflow"), self.home.locate_tls_dir("mlflow") / "ca.crt"
            )
            url = self._fill(address, "mlflow", DATABASE)
        else:
            return format_for_sqlalchemy(self.database_url, options="-csearch_path=mlflow")
        return format_for_sqlalchemy(url)

    @property
    def rabbitmq_url(self) -> str:
        """As the operator."""
        return self._fill(self._rabbitmq_address, "operator", RABBITMQ)

    @property
    def console_url(self) -> str:
        """Where to ask the broker. The private one's password goes nowhere else, whatever link is given."""
        if self.own_rabbitmq:
            return f"http://{LOOPBACK}:{self.ports['console']}"
        return self.given.rabbitmq_console_url or f"http://{urlsplit(self.rabbitmq_url).hostname}:15672"

    @property
    def console_login_url(self) -> str:
        """The private broker's, as its administrator."""
        return self._fill(self.console_url, "operator", RABBITMQ)

    @property
    def console_link(self) -> str:
        """Where a person's browser finds the console."""
        return self.given.rabbitmq_console_url or self.console_url

    @property
    def mlflow_url(self) -> str:
        return self.given.mlflow_url or f"{self._http}://{self.bind}:{self.ports['mlflow']}"

    @property
    def mlflow_login_url(self) -> str:
        """As the operator, who administers the private one."""
        return self._fill(self.mlflow_url, "operator", MLFLOW)

    @property
    def gateway_url(self) -> str:
        return f"{self._http}://{LOOPBACK}:{self.ports['gateway']}"

    def format_health_url(self, service: str) -> str:
        """Format where to ask a service, and whom to trust there."""
        if service == "gateway":
            return fill_authority(self.gateway_url, self.authority)
        return f"http://{LOOPBACK}:{self.ports[service]}"

    @property
    def authority(self) -> Path | None:
        """Who signed the servers' certificates; None: whom the system trusts."""
        if self.home.has_tls:
            return find_authority(self.home.tls_dir)
        return Path(self.given.ca_file) if self.given.ca_file else None

    def make_addresses(self) -> dict[str, str]:
        """Build the settings that say where the servers are, from any host."""
        return {
            "VIRAL_DATABASE_URL": self._database_address,
            "VIRAL_RABBITMQ_URL": self._rabbitmq_address,
            "VIRAL_MLFLOW_URL": self.mlflow_url,
        }

    def make_service_settings(self) -> dict[str, str]:
        """Build the VIRAL_* settings that every service shares."""
        return {
            **self.make_addresses(),
            "VIRAL_RABBITMQ_CONSOLE_URL": self.console_link,
            "VIRAL_DATA_DIR": str(self.home.root),
            "VIRAL_TRUSTED_SIGNERS": str(choose_signers_file(self.home.root)),
            "VIRAL_SECRETS_DIR": str(self.secrets.root),
            **({"VIRAL_CA_FILE": str(self.authority)} if self.authority else {}),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def make_servers(self) -> list[Program]:
        """Make the programs of the private servers."""
        return [
            *(
                [postgres.make_program(self.home, self.ports["postgres"], self.addresses)]
                if self.own_postgres
                else []
            ),
            *(rabbitmq.make_programs(self.home, self.ports) if self.own_rabbitmq else []),
            *(
                [
                    mlflow.make_program(
                        self.home, self.ports["mlflow"], self.mlflow_database_url, self.addresses, self.names
                    )
                ]
                if self.own_mlflow
                else []
            ),
        ]

    def make_services(self) -> list[Program]:
        """Make all four. The choices are about collecting, so nothing else need restart for other ones."""
        return [
            services.make_program(
                name,
                self.ports,
                {
                    **(self.choices if name == "scraper" else {}),
                    **(self._make_gateway_settings() if name == "gateway" else {}),
                    **self.make_service_settings(),
                },
            )
            for name in services.SERVICES
        ]

    @property
    def _database_address(self) -> str:
        return self.given.database_url or self._format_postgres_url("viral", self.bind)

    @property
    def _rabbitmq_address(self) -> str:
        scheme = "amqps" if self.home.has_tls else "amqp"
        return self.given.rabbitmq_url or f"{scheme}://{self.bind}:{self.ports['rabbitmq']}/%2F"

    @property
    def _http(self) -> str:
        return "https" if self.home.has_tls else "http"

    def _format_postgres_url(self, database: str, host: str = LOOPBACK) -> str:
        url = postgres.format_url(database, self.ports["postgres"], host)
        return f"{url}?sslmode=verify-full" if self.home.has_tls else url

    def _make_gateway_settings(self) -> dict[str, str]:
        if not self.home.has_tls:
            return {}
        certificate = find_certificate(self.home.tls_dir, "gateway")
        files = {"VIRAL_TLS_CERT_FILE": certificate, "VIRAL_TLS_KEY_FILE": certificate.with_name("tls.key")}
        return {name: str(path) for name, path in files.items()}

    def _fill(self, address: str, account: str, name: str) -> str:
        return fill_authority(
            fill_account(address, account, self.secrets.read(account, name)), self.authority
        )
