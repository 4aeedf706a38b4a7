"""Define what a person may set for the launcher; everything else it finds out or makes up."""

from __future__ import annotations

from ipaddress import IPv4Address
from pathlib import Path

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from viral_common.settings import check_amqp_address, check_mlflow_address, check_postgres_address


class LocalSettings(BaseSettings):
    """A server whose URL is given is used as it is; the others the launcher starts itself."""

    model_config = SettingsConfigDict(
        env_prefix="VIRAL_", env_file=".env", extra="ignore", env_ignore_empty=True
    )

    # First, for the addresses are checked by it.
    allow_plain: bool = Field(
        default=False, description="Whether given servers on other machines may go without encryption"
    )
    data_dir: Path = Field(default=Path(".viral"), description="Where the stack keeps its files")
    tls: bool | None = Field(
        default=None,
        description="Whether the private servers and the gateway encrypt; default: as last time, else no",
    )
    ca_file: Path | None = Field(default=None, description="Authority of the given servers' certificates")
    database_url: SecretStr | None = Field(
        default=None, description="A Postgres to use instead of a private one"
    )
    rabbitmq_url: SecretStr | None = Field(
        default=None, description="A RabbitMQ to use instead of a private one"
    )
    mlflow_url: str | None = Field(
        default=None, description="An MLflow server to use instead of a private one"
    )
    rabbitmq_console_url: str | None = Field(
        default=None, description="Management console of the given RabbitMQ"
    )
    secrets_dir: Path | None = Field(
        default=None, description="Where every account's secrets are, and are made if they are missing"
    )
    bind_address: IPv4Address | None = Field(
        default=None, description="This host's address that `viral servers start` listens on besides loopback"
    )
    cert_hosts: str = Field(default="", description="More names for certificates, separated by spaces")
    gateway_port: int = Field(default=8000, ge=1, le=65535, description="Port of the gateway, if it is free")
    api_keys: SecretStr | None = Field(
        default=None, description="The gateway's; the demo asks with the first"
    )
    source: str | None = Field(default=None, description="The demo keeps to this source if it is set")
    batch_size: int | None = Field(default=None, description="The demo chooses one if it is not set")

    @field_validator("database_url")
    @classmethod
    def _check_postgres_url(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return value and check_postgres_address(value, info)

    @field_validator("rabbitmq_url")
    @classmethod
    def _check_amqp_url(cls, value: SecretStr | None, info: ValidationInfo) -> SecretStr | None:
        return value and check_amqp_address(value, info)

    @field_validator("mlflow_url")
    @classmethod
    def _check_mlflow_url(cls, value: str | None, info: ValidationInfo) -> str | None:
        return value and check_mlflow_address(value, info)
