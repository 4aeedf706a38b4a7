"""Keys of the tests' trainer and evaluator, and the file that trusts them."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from viral_common.database.tables import Promotion
from viral_common.signing.signer import Signer
from viral_common.signing.signers_file import TrustedSigner, TrustedSigners
from viral_common.signing.statements import Role
from viral_common.signing.trust import Trust
from viral_common.stores.champion import Champion
from viral_local.signing_keys import write_signers as write_file

LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEYS: dict[Role, Ed25519PrivateKey] = {
    "trainer": Ed25519PrivateKey.from_private_bytes(b"t" * 32),
    "evaluator": Ed25519PrivateKey.from_private_bytes(b"e" * 32),
}
TRAINER, EVALUATOR = (Signer(KEYS[role]) for role in ("trainer", "evaluator"))
EVALUATOR_PEM = KEYS["evaluator"].private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def sign_promotion(model: Champion, signer: Signer = EVALUATOR) -> Champion:
    """Sign as the evaluator signs the row that it is read from."""
    fields = model.model_dump(include={column.key for column in Promotion.__table__.columns})
    row = Promotion(seq=model.promotion_seq, **fields)
    row.signed_by, row.signature = signer.sign_promotion(row)
    return Champion.from_row(row, model.test_count)


def make_trusted(role: Role, **changes: Any) -> TrustedSigner:
    """Trust the role's key since long ago, or as `changes` say."""
    trusted = TrustedSigner.from_key(KEYS[role].public_key(), role, LONG_AGO)
    return trusted.model_copy(update=changes)


def write_signers(path: Path, *signers: TrustedSigner) -> Path:
    """Write the file; without signers, of both."""
    write_file(path, signers or [make_trusted("trainer"), make_trusted("evaluator")])
    return path


def make_trust(folder: Path, *signers: TrustedSigner, allow_unsigned: bool = False) -> Trust:
    """Trust those of a new file in the folder."""
    return Trust(TrustedSigners(write_signers(folder / "signers.toml", *signers)), allow_unsigned)
