"""Link to where people look at a run, a version or a queue."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote, urlsplit

from viral_common.addresses import split_account

from viral_gateway.settings import GatewaySettings

MODEL_NAME = "tweet-virality"


@dataclass(frozen=True)
class Links:
    """Link into MLflow and the RabbitMQ console, as a browser reaches them."""

    mlflow: str
    console: str | None
    vhost: str = "/"

    @classmethod
    def from_settings(cls, settings: GatewaySettings) -> Self:
        console = settings.rabbitmq_console_url
        return cls(
            mlflow=split_account(settings.mlflow_public_url or settings.mlflow_url)[0],
            console=console.rstrip("/") if console else None,
            vhost=unquote(urlsplit(settings.rabbitmq_url.get_secret_value()).path[1:]) or "/",
        )

    def to_run(self, run_id: str) -> str:
        return f"{self.mlflow}/#/runs/{run_id}"

    def to_version(self, version: int) -> str:
        return f"{self.mlflow}/#/models/{MODEL_NAME}/versions/{version}"

    def to_queue(self, name: str) -> str | None:
        return f"{self.console}/#/queues/{quote(self.vhost, safe='')}/{name}" if self.console else None

    def to_traces(self) -> str | None:
        """Link the console's page of traces: every message, published and delivered."""
        return f"{self.console}/#/traces" if self.console else None
