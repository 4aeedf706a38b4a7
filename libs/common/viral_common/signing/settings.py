"""Define the settings of those who sign, and of those who check signatures."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field, SecretStr

from viral_common.settings import CommonSettings

SIGNERS_FILE = "trusted-signers.toml"


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
        description="File of the keys whose signatures evaluator and gateway believe, read again when it changes; "
        "without it `trusted-signers.toml` in VIRAL_DATA_DIR, where there is one",
    )

    def find_signers_file(self) -> Path | None:
        """Find the file that is named, else the one-machine stack's, where there is one."""
        stacks = self.data_dir / SIGNERS_FILE
        return self.trusted_signers or (stacks if stacks.is_file() else None)
