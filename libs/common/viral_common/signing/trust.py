"""Check that the trainer signed an artefact, and that the evaluator signed its promotion."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

import structlog
from cryptography.exceptions import InvalidSignature
from pydantic import ValidationError

from viral_common.errors import SignatureError, SignersUnreadable, UsageError
from viral_common.signing.settings import TrustSettings
from viral_common.signing.signers_file import TrustedSigners
from viral_common.signing.statements import ManifestSignature, PromotionStatement, Statement

log = structlog.get_logger()


class SignedPromotion(Protocol):
    """Be a promotion's row, or a `Champion`."""

    @property
    def signed_by(self) -> str | None:
        """The key's name."""

    @property
    def signature(self) -> str | None:
        """In base64."""


@dataclass(frozen=True)
class Trust:
    """Refuse what no trusted key signed, or admit it where that is allowed.

    Both checks return whether it is signed, and raise SignatureError with one line where it is refused.
    """

    signers: TrustedSigners | None
    allow_unsigned: bool = False

    def check_artefact(
        self, signature: bytes | None, artifact_sha256: str, batch_id: UUID, event_id: UUID | None = None
    ) -> bool:
        """Check the content of manifest.sig: of this artefact, made of this batch (and because of this event)."""
        return self._admit(lambda: self._verify_artefact(signature, artifact_sha256, batch_id, event_id))

    def check_promotion(self, promotion: SignedPromotion) -> bool:
        """Check the signature over a promotion."""
        return self._admit(lambda: self._verify_promotion(promotion))

    def _admit(self, verify: Callable[[], None]) -> bool:
        try:
            verify()
        except SignatureError as error:
            if not self.allow_unsigned:
                raise
            log.debug("admitted unsigned", reason=str(error))
            return False
        return True

    def _verify_artefact(
        self, signature: bytes | None, artifact_sha256: str, batch_id: UUID, event_id: UUID | None
    ) -> None:
        if signature is None:
            raise SignatureError("the artefact is not signed: it has no manifest.sig")
        try:
            found = ManifestSignature.model_validate_json(signature)
        except ValidationError as error:
            raise SignatureError("manifest.sig cannot be read") from error
        self._verify("manifest.sig", found.statement, found.key_id, found.signature)
        for name, expected in (
            ("artifact_sha256", artifact_sha256),
            ("batch_id", batch_id),
            ("event_id", event_id or found.statement.event_id),
        ):
            if getattr(found.statement, name) != expected:
                raise SignatureError(f"manifest.sig is of another artefact: its {name} is not {expected}")

    def _verify_promotion(self, promotion: SignedPromotion) -> None:
        if promotion.signed_by is None or promotion.signature is None:
            raise SignatureError("the promotion is not signed")
        try:
            statement = PromotionStatement.model_validate(promotion)
        except ValidationError as error:
            raise SignatureError("the promotion's row is none that an evaluator signs") from error
        self._verify("the promotion", statement, promotion.signed_by, promotion.signature)

    def _verify(self, what: str, statement: Statement, key_id: str, signature: str) -> None:
        signer = self.signers.find(key_id) if self.signers else None
        if signer is None:
            raise SignatureError(f"{what} is signed by the key {key_id[:40]!r}, which is not trusted")
        if signer.role != statement.role:
            raise SignatureError(
                f"{what} is signed by the key {key_id}, of the {signer.role}: only the {statement.role} may"
            )
        if not signer.is_valid_at(statement.signed_at):
            raise SignatureError(
                f"{what} is signed at {statement.signed_at:%Y-%m-%d %H:%M:%S} by the key {key_id}, not valid then"
            )
        try:
            signer.key.verify(b64decode(signature, validate=True), statement.to_bytes())
        except (InvalidSignature, ValueError) as error:
            raise SignatureError(f"{what} has a wrong signature") from error


def make_trust(settings: TrustSettings) -> Trust:
    """Make what a service checks signatures with. Raises UsageError."""
    if (file := settings.find_signers_file()) is None:
        if settings.allow_unsigned:
            return Trust(None, allow_unsigned=True)
        raise UsageError(
            "VIRAL_TRUSTED_SIGNERS is not set: name the file that `viral keys new` writes; "
            "or allow unsigned models by VIRAL_ALLOW_UNSIGNED=true"
        )
    signers = TrustedSigners(file)
    try:
        signers.load()
    except SignersUnreadable as error:
        raise UsageError(f"VIRAL_TRUSTED_SIGNERS: {error}") from error
    return Trust(signers, settings.allow_unsigned)
