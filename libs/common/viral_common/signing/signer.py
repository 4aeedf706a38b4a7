"""Sign with a private Ed25519 key."""

from __future__ import annotations

import hashlib
from base64 import b64encode
from datetime import UTC, datetime
from typing import Self
from uuid import UUID

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from viral_common.errors import UsageError
from viral_common.signing.settings import SigningSettings
from viral_common.signing.statements import (
    ArtefactStatement,
    ManifestSignature,
    PromotionStatement,
    Statement,
)


class Signer:
    """Sign statements with one key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public_key = key.public_key()
        self.key_id = compute_key_id(self.public_key)

    @classmethod
    def from_pem(cls, pem: str) -> Self:
        """Read a key. Raises UsageError."""
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise UsageError("VIRAL_SIGNING_KEY is no private key: `viral keys new` makes one") from error
        if not isinstance(key, Ed25519PrivateKey):
            raise UsageError("VIRAL_SIGNING_KEY is no Ed25519 key: `viral keys new` makes one")
        return cls(key)

    def sign(self, statement: Statement) -> str:
        """Sign a statement; base64."""
        return b64encode(self._key.sign(statement.to_bytes())).decode()

    def sign_artefact(self, artifact_sha256: str, event_id: UUID, batch_id: UUID) -> bytes:
        """Build manifest.sig for the artefact with this digest."""
        statement = ArtefactStatement(
            artifact_sha256=artifact_sha256,
            event_id=event_id,
            batch_id=batch_id,
            signed_at=datetime.now(UTC),
        )
        signature = ManifestSignature(key_id=self.key_id, statement=statement, signature=self.sign(statement))
        return signature.model_dump_json(indent=2).encode()

    def sign_promotion(self, promotion: object) -> tuple[str, str]:
        """Sign a promotion's row that has its number and its time; `signed_by` and `signature`."""
        return self.key_id, self.sign(PromotionStatement.model_validate(promotion))


def compute_key_id(key: Ed25519PublicKey) -> str:
    """Compute a key's name: the start of its digest."""
    return hashlib.sha256(key.public_bytes_raw()).hexdigest()[:16]


def make_signer(settings: SigningSettings) -> Signer | None:
    """Make what a service signs with; None where it may go without. Raises UsageError."""
    if settings.signing_key is not None:
        return Signer.from_pem(settings.signing_key.get_secret_value())
    if settings.allow_unsigned:
        return None
    raise UsageError(
        "VIRAL_SIGNING_KEY is not set: `viral keys new` makes a key; "
        "or allow unsigned models by VIRAL_ALLOW_UNSIGNED=true"
    )
