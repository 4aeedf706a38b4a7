"""Read the settings that every service shares from `VIRAL_*` and `.env`; each service adds its own in its package."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Literal, Self, TypeVar

from pydantic import (
    AmqpDsn,
    Field,
    SecretStr,
    TypeAdapter,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from viral_common.addresses import fill_account
from viral_common.encryption import (
    check_encryption,
    check_postgres_encryption,
    fill_authority,
    make_client_context,
    parse_postgres_address,
    split_hosts,
)
from viral_common.errors import UsageError
from viral_common.tweets.label_rule import LabelRule

STACKS_SECRETS = "secrets"
AnySettings = TypeVar("AnySettings", bound=BaseSettings)


class SecretsDir(BaseSettings):
    """Where secrets lie: asked for before other settings are read."""

    model_config = SettingsConfigDict(env_prefix="VIRAL_", extra="ignore", env_ignore_empty=True)

    data_dir: Path = Path(".viral")
    secrets_dir: Path | None = None

    def find(self) -> Path | None:
        """Find the folder that is named, else the one-machine stack's, where there is one."""
        stacks = self.data_dir / STACKS_SECRETS
        return self.secrets_dir or (stacks if stacks.is_dir() else None)


class SettingsWithSecrets(BaseSettings):
    """Settings of which the secret ones are read from files, where the environment does not hold them."""

    # stack.env is the running one-machine stack's, so that commands typed beside it find its servers.
    model_config = SettingsConfigDict(env_file=(".viral/stack.env", ".env"), extra="ignore")

    account: ClassVar[str] = "operator"
    """Who reads them, and who they are at every server whose address names nobody."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Read the account's files after all else."""
        folder = SecretsDir(_env_file=cls.model_config["env_file"]).find()
        own = [] if folder is None else list_secret_folders(folder, cls.account)
        files = (SecretsSettingsSource(settings_cls, secrets_dir=one) for one in own)
        return (init_settings, env_settings, dotenv_settings, *files, file_secret_settings)


class CommonSettings(SettingsWithSecrets):
    """Where the shared servers are, and the promises about delivery."""

    model_config = SettingsConfigDict(env_prefix="VIRAL_")
    # Each its own, for several may run on one host.
    usual_health_port: ClassVar[int] = 0

    # First, for the addresses are checked by it.
    allow_plain: bool = Field(
        default=False, description="Whether connections to and from other machines may go without encryption"
    )
    database_url: SecretStr = Field(
        description="Postgres, as postgresql://host:port/database; several hosts: host:port,host:port"
    )
    rabbitmq_url: SecretStr = Field(
        description="RabbitMQ, as amqp://host:port/vhost; several hosts: host:port,host:port"
    )
    mlflow_url: str = Field(default="http://127.0.0.1:5000", repr=False, description="MLflow tracking server")
    ca_file: Path | None = Field(
        default=None,
        description="Certificate of the authority that Postgres, RabbitMQ and MLflow must have theirs from; "
        "default: those that this system trusts",
    )
    secrets_dir: Path | None = Field(
        default=None,
        description="Folder of files that each hold one secret setting, named like it in small letters; "
        "or of such a folder for each service; without it `secrets` in VIRAL_DATA_DIR, where there is one",
    )
    database_password: SecretStr | None = Field(
        default=None, description="Password at Postgres, unless the address holds it; best from a file"
    )
    rabbitmq_password: SecretStr | None = Field(
        default=None, description="Password at RabbitMQ, unless the address holds it; best from a file"
    )
    mlflow_password: SecretStr | None = Field(
        default=None, description="Password at MLflow, unless the address holds it; best from a file"
    )
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
    health_port: int | None = Field(
        default=None,
        ge=0,
        le=65535,
        description="Port of /health and /metrics; 0: none; default: scraper 8101, trainer 8102, evaluator 8103",
    )
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

    @field_validator("health_port")
    @classmethod
    def _fill_health_port(cls, value: int | None) -> int:
        return cls.usual_health_port if value is None else value

    @model_validator(mode="after")
    def _fill_accounts(self) -> Self:
        for server in ("database", "rabbitmq", "mlflow"):
            password: SecretStr | None = getattr(self, f"{server}_password")
            address: SecretStr | str = getattr(self, f"{server}_url")
            filled = address if isinstance(address, str) else address.get_secret_value()
            if password is not None:
                filled = fill_account(filled, self.account, password.get_secret_value())
            filled = fill_authority(filled, self.ca_file)
            # Past `validate_assignment`, which would come here again.
            self.__dict__[f"{server}_url"] = filled if isinstance(address, str) else SecretStr(filled)
        return self

    @field_validator("database_url")
    @classmethod
    def _check_database_url(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        return check_postgres_address(value, info)

    @field_validator("rabbitmq_url")
    @classmethod
    def _check_rabbitmq_url(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        return check_amqp_address(value, info)

    @field_validator("mlflow_url")
    @classmethod
    def _check_mlflow_url(cls, value: str, info: ValidationInfo) -> str:
        return check_mlflow_address(value, info)

    @field_validator("ca_file")
    @classmethod
    def _check_ca_file(cls, value: Path | None) -> Path | None:
        try:
            make_client_context(str(value) if value else None)
        except OSError as error:
            raise ValueError(f"{value} is no file of certificates ({error})") from error
        return value


def check_postgres_address(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Check an address of Postgres. Raises ValueError for what is none, or has no driver here, or is not encrypted."""
    address = value.get_secret_value()
    if not address.startswith(("postgresql://", "postgresql+psycopg2://")):
        raise ValueError("it must begin with postgresql://")
    parse_postgres_address(address)
    if not info.data.get("allow_plain"):
        check_postgres_encryption(address)
    return value


def check_amqp_address(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Check an address of RabbitMQ. Raises ValueError for what is none, or is not encrypted."""
    for url in split_hosts(value.get_secret_value()):
        TypeAdapter(AmqpDsn).validate_python(url)
    if not info.data.get("allow_plain"):
        check_encryption(value.get_secret_value(), "amqps")
    return value


def check_mlflow_address(value: str, info: ValidationInfo) -> str:
    """Check an address of MLflow. Raises ValueError for one that is not encrypted."""
    if not info.data.get("allow_plain"):
        check_encryption(value, "https")
    return value


def list_secret_folders(folder: Path, account: str) -> list[Path]:
    """List where an account's secrets lie. Raises UsageError for a folder that is missing, or files others may read."""
    if not folder.is_dir():
        raise UsageError(f"VIRAL_SECRETS_DIR: {folder} is no folder")
    own = folder / account
    found = [own, folder] if own.is_dir() else [folder]
    for path in (path for one in found for path in one.glob("viral_*")):
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            raise UsageError(f"{path} is a secret that others may read: chmod 600 {path}")
    return found


def load_settings(cls: type[AnySettings]) -> AnySettings:
    """Read the settings from the environment. Raises UsageError naming each wrong setting in one line."""
    try:
        return cls()
    except ValidationError as error:
        prefix = cls.model_config.get("env_prefix", "")
        wrong = "; ".join(
            (f"{prefix}{'_'.join(map(str, problem['loc'])).upper()}: " if problem["loc"] else "")
            + problem["msg"].removeprefix("Value error, ")
            for problem in error.errors(include_input=False, include_url=False)
        )
        raise UsageError(f"{wrong} (see .env.example)") from error
