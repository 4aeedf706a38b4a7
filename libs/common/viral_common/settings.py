"""Read the settings that every service shares from `VIRAL_*` and `.env`; each service adds its own in its package."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Literal, TypeVar

from pydantic import AmqpDsn, Field, PostgresDsn, SecretStr, TypeAdapter, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from viral_common.errors import UsageError
from viral_common.tweets.label_rule import LabelRule

AnySettings = TypeVar("AnySettings", bound=BaseSettings)


class CommonSettings(BaseSettings):
    """Where the shared servers are, and the promises about delivery."""

    # stack.env is the running one-machine stack's, so that commands typed beside it find its servers.
    model_config = SettingsConfigDict(
        env_prefix="VIRAL_", env_file=(".viral/stack.env", ".env"), extra="ignore"
    )

    database_url: SecretStr = Field(description="Postgres, as postgresql://user:password@host:port/database")
    rabbitmq_url: SecretStr = Field(description="RabbitMQ, as amqp://user:password@host:port/vhost")
    mlflow_url: str = Field(default="http://127.0.0.1:5000", description="MLflow tracking server")
    data_dir: Path = Field(default=Path(".viral"), description="Where a service keeps its own files")

    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least level of the lines logged"
    )
    log_format: Literal["console", "json"] = Field(
        default="console", description="Log lines for people (console) or for machines (json)"
    )

    likes_threshold: int = Field(default=0, ge=0, description="A tweet is viral with more likes than this")
    min_age: timedelta = Field(
        default=timedelta(hours=24),
        description="Likes count once the tweet was this old when they were read (seconds or ISO 8601)",
    )

    health_host: str = Field(default="127.0.0.1", description="Address of /health and /metrics of a service")
    health_port: int = Field(default=0, ge=0, le=65535, description="Port of /health and /metrics; 0: none")
    lease_s: float = Field(
        default=30, gt=0, description="A claimed event is free again this long after a crash"
    )
    retry_base_s: float = Field(default=2, gt=0, description="First wait after a failure; doubles each time")
    retry_limit: int = Field(default=5, ge=1, description="Failures after which an event is a dead letter")
    order_wait: timedelta = Field(
        default=timedelta(hours=1), description="How long an event waits for the ones before it"
    )

    @property
    def label_rule(self) -> LabelRule:
        """Which tweets count as viral, and from when on."""
        return LabelRule(self.likes_threshold, self.min_age)

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr) -> SecretStr:
        return check_postgres_address(value)

    @field_validator("rabbitmq_url")
    @classmethod
    def _check_rabbitmq_url(cls, value: SecretStr) -> SecretStr:
        return check_amqp_address(value)


def check_postgres_address(value: SecretStr) -> SecretStr:
    """Check an address of Postgres. Raises ValueError for what is none, or names a driver that is not installed."""
    address = str(TypeAdapter(PostgresDsn).validate_python(value.get_secret_value()))
    if not address.startswith(("postgresql://", "postgresql+psycopg2://")):
        raise ValueError("it must begin with postgresql://")
    return value


def check_amqp_address(value: SecretStr) -> SecretStr:
    """Check an address of RabbitMQ. Raises ValueError for what is none."""
    TypeAdapter(AmqpDsn).validate_python(value.get_secret_value())
    return value


def load_settings(cls: type[AnySettings]) -> AnySettings:
    """Read the settings from the environment. Raises UsageError naming each wrong setting in one line."""
    try:
        return cls()
    except ValidationError as error:
        prefix = cls.model_config.get("env_prefix", "")
        wrong = "; ".join(
            f"{prefix}{'_'.join(str(part) for part in problem['loc']).upper()}: {problem['msg']}"
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise UsageError(f"{wrong} (see .env.example)") from error
