"""Define the evaluator's own settings."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, SecretStr
from viral_common.signing.settings import SigningSettings, TrustSettings


class EvaluatorSettings(SigningSettings, TrustSettings):
    """How sure the evaluator must be."""

    account: ClassVar[str] = "evaluator"
    usual_health_port: ClassVar[int] = 8103

    confidence: float = Field(
        default=0.95, gt=0.5, lt=1, description="How sure it must be that the challenger is better"
    )
    min_test_tweets: int = Field(default=50, ge=1, description="Fewer test tweets than this decide nothing")
    serve_int8: bool = Field(
        default=True, description="Whether int8 may serve where it loses next to no AUC; else fp32 always"
    )
    alias_s: float = Field(
        default=30, gt=0, description="How often the alias in MLflow is compared with Postgres"
    )
    export_key: SecretStr | None = Field(
        default=None,
        description="Key of `viral-evaluator export-signature`, as PEM; best from a file: `viral keys new export`",
    )
