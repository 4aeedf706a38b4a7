"""The gateway's own settings."""

from __future__ import annotations

from datetime import timedelta

from pydantic import Field
from viral_common.settings import CommonSettings


class GatewaySettings(CommonSettings):
    """Where the gateway listens, how it keeps up with promotions, and where its links point."""

    gateway_host: str = Field(default="127.0.0.1", description="Address the gateway listens on")
    gateway_port: int = Field(default=8000, ge=0, le=65535, description="Port the gateway listens on")
    reconcile_s: float = Field(
        default=60, gt=0, description="The newest promotion is read from Postgres this often, events or not"
    )
    predict_threads: int = Field(default=2, ge=1, description="Predictions scored at the same time")
    log_predictions: bool = Field(
        default=False,
        description="Remember features and probabilities of predictions, to see live traffic drift; no texts or names",
    )
    log_predictions_share: float = Field(
        default=1.0, gt=0, le=1, description="Share of the predictions that is remembered, drawn by lot"
    )
    log_predictions_keep: timedelta = Field(
        default=timedelta(days=30),
        gt=timedelta(0),
        description="Remembered predictions are deleted at this age (seconds or ISO 8601)",
    )
    rabbitmq_console_url: str | None = Field(
        default=None, description="RabbitMQ's management console, for links on the pipeline page"
    )
    mlflow_public_url: str | None = Field(
        default=None, description="MLflow as a browser reaches it, for links; default: VIRAL_MLFLOW_URL"
    )
