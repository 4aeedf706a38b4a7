"""Declare the gateway's own settings."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import ClassVar, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from viral_common.encryption import is_local
from viral_common.signing.settings import TrustSettings

from viral_gateway.keys_file import ROLES, Role, read_keys

# A shorter one can be guessed.
SHORTEST_KEY = 20


class GatewaySettings(TrustSettings):
    """Where the gateway listens, how it keeps up with promotions, and where its links point."""

    account: ClassVar[str] = "gateway"

    gateway_host: str = Field(default="127.0.0.1", description="Address the gateway listens on")
    gateway_port: int = Field(default=8000, ge=0, le=65535, description="Port the gateway listens on")
    gateway_workers: int = Field(default=1, ge=1, description="Processes that answer on the port")
    reconcile_s: float = Field(
        default=60, gt=0, description="The newest promotion is read from Postgres this often, events or not"
    )
    swap_spread_s: float = Field(
        default=3,
        ge=0,
        le=60,
        description="A promotion is swapped in at a random moment within this time, so that gateways take turns",
    )
    predict_threads: int = Field(default=2, ge=1, description="Threads that score tweets")
    predict_queue: int = Field(
        default=2048,
        ge=1,
        description="Tweets that may wait to be scored; further calls are refused with 503",
    )
    author_lookup_s: float = Field(
        default=0.2,
        gt=0,
        description="A prediction waits this long for what Postgres knows of its author, then does without",
    )
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
    api_keys: SecretStr | None = Field(
        default=None,
        description="Keys of which /v1 and the pages ask for one, separated by commas; default: no key is asked for",
    )
    api_keys_file: Path | None = Field(
        default=None,
        description="File of keys with names and roles; `viral-gateway keys new` adds to it",
    )
    session_key: SecretStr | None = Field(
        default=None,
        min_length=32,
        description="Secret that signs the cookies of who signed in, the same on every host; default: one made here",
    )
    oidc_issuer: str | None = Field(
        default=None, description="OpenID Connect provider that people sign in at, as its tokens name it"
    )
    oidc_client_id: str = Field(default="", description="This gateway's name at that provider")
    oidc_client_secret: SecretStr | None = Field(
        default=None, description="This gateway's secret at that provider"
    )
    oidc_roles: str = Field(
        default="",
        description="Who may do what: e-mail addresses and groups, as ada@example.org=admin,analysts=read",
    )
    oidc_groups_claim: str = Field(default="groups", description="Where the provider's tokens list groups")
    rate_limit: int = Field(
        default=0,
        ge=0,
        description="Requests a minute for each API key or else address, in each worker process; 0: no limit",
    )
    event_streams: int = Field(
        default=1000,
        ge=1,
        description="Streams of GET /v1/events that each worker process holds open; further ones are refused with 503",
    )
    event_streams_per_caller: int = Field(
        default=100,
        ge=1,
        description="Of these, the streams of one API key or else address; further ones are refused with 429",
    )
    cors_origins: str = Field(
        default="",
        description="Origins whose pages may call /v1, separated by commas; *: all; default: none but its own",
    )
    body_timeout_s: float = Field(
        default=10, gt=0, description="A request whose body has not arrived after this is refused with 408"
    )
    trusted_proxies: str = Field(
        default="",
        description="Addresses of proxies whose X-Forwarded-For is believed, separated by commas; default: none",
    )
    tls_cert_file: Path | None = Field(
        default=None,
        description="Certificate to serve with TLS by, its chain after it, as PEM; read again when it changes",
    )
    tls_key_file: Path | None = Field(default=None, description="The certificate's key, as PEM")
    rabbitmq_console_url: str | None = Field(
        default=None, description="RabbitMQ's management console, for links on the pipeline page"
    )
    mlflow_public_url: str | None = Field(
        default=None, description="MLflow as a browser reaches it, for links; default: VIRAL_MLFLOW_URL"
    )

    @field_validator("api_keys")
    @classmethod
    def _validate_keys(cls, value: SecretStr | None) -> SecretStr | None:
        typed = value.get_secret_value() if value else ""
        keys = split_commas(typed)
        # A slip must not open the gateway.
        if typed.strip() and not keys:
            raise ValueError("separators, but no key between them; leave it empty to ask nobody for one")
        for key in keys:
            if len(key) < SHORTEST_KEY:
                raise ValueError(
                    f"a key has {SHORTEST_KEY} characters or more, for example of `openssl rand -hex 24`"
                )
            if not (key.isascii() and key.isprintable()) or " " in key:
                raise ValueError(
                    "a key is of ASCII characters without spaces, for example of `openssl rand -hex 24`"
                )
        return value

    @model_validator(mode="after")
    def _check_encryption(self) -> Self:
        if (self.tls_cert_file is None) != (self.tls_key_file is None):
            raise ValueError(
                "VIRAL_TLS_CERT_FILE and VIRAL_TLS_KEY_FILE belong together: name both, or neither"
            )
        behind_proxy = bool(split_commas(self.trusted_proxies))
        if not (self.tls_cert_file or behind_proxy or self.allow_plain or is_local(self.gateway_host)):
            raise ValueError(
                f"VIRAL_GATEWAY_HOST={self.gateway_host} would serve other machines without encryption: name a "
                "certificate in VIRAL_TLS_CERT_FILE and VIRAL_TLS_KEY_FILE, or the proxy that encrypts in "
                "VIRAL_TRUSTED_PROXIES, or allow it with VIRAL_ALLOW_PLAIN=true"
            )
        return self

    @field_validator("api_keys_file", "session_key", "oidc_issuer", "oidc_client_secret", mode="before")
    @classmethod
    def _drop_empty(cls, value: object) -> object:
        return value or None

    @field_validator("api_keys_file")
    @classmethod
    def _check_keys_file(cls, value: Path | None) -> Path | None:
        try:
            if value is not None:
                read_keys(value)
        except OSError as error:
            raise ValueError(f"{value} cannot be read: {error.strerror}") from error
        return value

    @model_validator(mode="after")
    def _check_provider(self) -> Self:
        self.list_people()
        if self.oidc_issuer is None:
            return self
        issuer = urlsplit(self.oidc_issuer)
        if issuer.scheme != "https" and not (issuer.scheme == "http" and is_local(issuer.hostname)):
            raise ValueError("VIRAL_OIDC_ISSUER is an address that begins with https://")
        if not (self.oidc_client_id and self.oidc_client_secret and self.oidc_roles):
            raise ValueError(
                "VIRAL_OIDC_ISSUER asks for VIRAL_OIDC_CLIENT_ID, VIRAL_OIDC_CLIENT_SECRET and VIRAL_OIDC_ROLES, too"
            )
        return self

    @field_validator("cors_origins")
    @classmethod
    def _validate_origins(cls, value: str) -> str:
        for origin in split_commas(value):
            if origin != "*" and not re.fullmatch(r"https?://[^/\s]+", origin):
                raise ValueError(
                    "an origin is a scheme and a host without a path, for example https://example.org"
                )
        return value

    def list_keys(self) -> list[str]:
        """List the keys; without any, nobody is asked for one."""
        return split_commas(self.api_keys.get_secret_value()) if self.api_keys else []

    @property
    def asks_for_roles(self) -> bool:
        """Whether callers have roles; the keys of a list alone open everything."""
        return self.api_keys_file is not None or self.oidc_issuer is not None

    @property
    def asks_for_keys(self) -> bool:
        """Whether nobody comes in unknown."""
        return self.asks_for_roles or bool(self.list_keys())

    def list_people(self) -> dict[str, Role]:
        """List the role of each e-mail address, in small letters, and each group. Raises ValueError."""
        people: dict[str, Role] = {}
        for entry in split_commas(self.oidc_roles):
            who, _, role = (part.strip() for part in entry.rpartition("="))
            if not who or role not in ROLES:
                raise ValueError(
                    f"VIRAL_OIDC_ROLES: {entry} is not WHO=ROLE with a role of {', '.join(ROLES)}"
                )
            people[who.lower() if "@" in who else who] = role
        return people

    def list_origins(self) -> list[str]:
        """List the other sites whose scripts may call."""
        return split_commas(self.cors_origins)


def split_commas(value: str) -> list[str]:
    """Split at commas, leaving empty parts out."""
    return [part for part in map(str.strip, value.split(",")) if part]
