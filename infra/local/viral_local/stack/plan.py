"""Describe what a stack consists of.

Which servers are private and which are given, on which ports, under which addresses.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urlsplit

from pydantic import BaseModel

from viral_local.home import Home
from viral_local.ports import LOOPBACK
from viral_local.process.program import Program
from viral_local.servers import mlflow, postgres, rabbitmq, services
from viral_local.settings import LocalSettings


class Given(BaseModel):
    """Servers that a person runs: used as they are and never started or stopped."""

    database_url: str | None = None
    rabbitmq_url: str | None = None
    mlflow_url: str | None = None
    rabbitmq_console_url: str | None = None

    @classmethod
    def from_settings(cls, settings: LocalSettings) -> Self:
        """Take them with the passwords in clear: they are to be passed on."""
        return cls(
            database_url=settings.database_url.get_secret_value() if settings.database_url else None,
            rabbitmq_url=settings.rabbitmq_url.get_secret_value() if settings.rabbitmq_url else None,
            mlflow_url=settings.mlflow_url,
            rabbitmq_console_url=settings.rabbitmq_console_url,
        )


@dataclass(frozen=True)
class Plan:
    """Derive everything from given servers, ports and passwords alone. `choices`: settings chosen for the scraper."""

    home: Home
    given: Given
    ports: dict[str, int]
    passwords: dict[str, str]
    choices: dict[str, str]

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
    def database_url(self) -> str:
        if self.given.database_url:
            return self.given.database_url
        return postgres.format_url("viral", self.passwords["viral"], self.ports["postgres"])

    @property
    def mlflow_database_url(self) -> str:
        """A given Postgres has one database for all; MLflow then keeps to a schema of its own."""
        if self.own_postgres:
            url = postgres.format_url("mlflow", self.passwords["mlflow"], self.ports["postgres"])
        else:
            separator = "&" if "?" in self.database_url else "?"
            url = f"{self.database_url}{separator}options={quote('-csearch_path=mlflow')}"
        # SQLAlchemy would take another driver, which is not installed.
        return url.replace("postgresql://", "postgresql+psycopg2://", 1)

    @property
    def rabbitmq_url(self) -> str:
        if self.given.rabbitmq_url:
            return self.given.rabbitmq_url
        return f"amqp://{rabbitmq.USER}:{self.passwords['rabbitmq']}@{LOOPBACK}:{self.ports['rabbitmq']}/%2F"

    @property
    def console_url(self) -> str:
        """Where to ask the broker. The private one's password goes nowhere else, whatever link is given."""
        if self.own_rabbitmq:
            return f"http://{LOOPBACK}:{self.ports['console']}"
        return self.given.rabbitmq_console_url or f"http://{urlsplit(self.rabbitmq_url).hostname}:15672"

    @property
    def console_link(self) -> str:
        """Where a person's browser finds the console."""
        return self.given.rabbitmq_console_url or self.console_url

    @property
    def mlflow_url(self) -> str:
        return self.given.mlflow_url or f"http://{LOOPBACK}:{self.ports['mlflow']}"

    @property
    def gateway_url(self) -> str:
        return f"http://{LOOPBACK}:{self.ports['gateway']}"

    def format_health_url(self, service: str) -> str:
        return f"http://{LOOPBACK}:{self.ports[service]}"

    def make_service_settings(self) -> dict[str, str]:
        """Build the VIRAL_* settings that every service shares."""
        return {
            "VIRAL_DATABASE_URL": self.database_url,
            "VIRAL_RABBITMQ_URL": self.rabbitmq_url,
            "VIRAL_MLFLOW_URL": self.mlflow_url,
            "VIRAL_RABBITMQ_CONSOLE_URL": self.console_link,
            "VIRAL_DATA_DIR": str(self.home.root),
            "MLFLOW_DISABLE_TELEMETRY": "true",
        }

    def make_scraper_settings(self) -> dict[str, str]:
        """Build those that only the scraper and its commands need."""
        return {"VIRAL_FORGET_KEY": os.environ.get("VIRAL_FORGET_KEY") or self.passwords["forget"]}

    def make_servers(self) -> list[Program]:
        """Make the programs of the private servers."""
        return [
            *([postgres.make_program(self.home, self.ports["postgres"])] if self.own_postgres else []),
            *(rabbitmq.make_programs(self.home, self.ports) if self.own_rabbitmq else []),
            *(
                [mlflow.make_program(self.home, self.ports["mlflow"], self.mlflow_database_url)]
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
                    **(self.choices | self.make_scraper_settings() if name == "scraper" else {}),
                    **self.make_service_settings(),
                },
            )
            for name in services.SERVICES
        ]
