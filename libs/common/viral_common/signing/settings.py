"""Define the settings of those who sign, and of those who check signatures."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from viral_common.settings import CommonSettings


class SignatureSettings(CommonSettings):
    """Whether models may go without signatures."""

    allow_unsigned: bool = Field(
        default=False,
        description="Whether trainer, evaluator and gateway also work with models and promotions that nobody signed",
    )


class SigningSettings(SignatureSettings):
    """What a service signs with."""

    signing_key: SecretStr | None = Field(
        default=None,
        description="Ed25519 key that trainer and evaluator sign with, as PEM; best from a file: `viral keys new`",
    )


class TrustSettings(SignatureSettings):
    """Whose signatures a service believes."""

    trusted_signers: Path | None = Field(
        default=None,
        description="File of the keys whose signatures evaluator and gateway believe, read again when it changes",
    )
