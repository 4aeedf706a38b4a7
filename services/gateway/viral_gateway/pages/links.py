"""Addresses for people: where a run, a version or a queue can be looked at."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote, unquote, urlsplit

from viral_gateway.settings import GatewaySettings

MODEL_NAME = "tweet-virality"


@dataclass(frozen=True)
class Links:
    """Into MLflow and the RabbitMQ console, as a browser reaches them."""

    mlflow: str
    console: str | None
    vhost: str = "/"

    @classmethod
    def of(cls, settings: GatewaySettings) -> Links:
        """From where the settings say these are."""
        console = settings.rabbitmq_console_url
        return cls(
            mlflow=(settings.mlflow_public_url or settings.mlflow_url).rstrip("/"),
            console=console.rstrip("/") if console else None,
            vhost=unquote(urlsplit(settings.rabbitmq_url.get_secret_value()).path[1:]) or "/",
        )

    def run(self, run_id: str) -> str:
        """The run's curves and artefacts."""
        return f"{self.mlflow}/#/runs/{run_id}"

    def version(self, version: int) -> str:
        """The registered version."""
        return f"{self.mlflow}/#/models/{MODEL_NAME}/versions/{version}"

    def queue(self, name: str) -> str | None:
        """A queue's page in the console."""
        return f"{self.console}/#/queues/{quote(self.vhost, safe='')}/{name}" if self.console else None

    def tracing(self) -> str | None:
        """The console's page of traces: every message, published and delivered."""
        return f"{self.console}/#/traces" if self.console else None
