"""Make the keys that models and promotions are signed with, and the file that says which of them are trusted."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from viral_common.errors import UsageError
from viral_common.signing.settings import SIGNERS_FILE as SIGNERS_FILE
from viral_common.signing.signer import Signer
from viral_common.signing.signers_file import TrustedSigner, read_signers
from viral_common.signing.statements import Role

from viral_local.private_files import write_private

KeyRole = Literal["trainer", "evaluator", "export"]
# The setting that each is read from, and whose it is.
FILES: dict[KeyRole, str] = {
    "trainer": "trainer/viral_signing_key",
    "evaluator": "evaluator/viral_signing_key",
    "export": "evaluator/viral_export_key",
}
_HEAD = """\
# Whose signatures evaluator and gateway believe. `viral keys` writes this file; services read it again when it changes.
"""


def make_missing_keys(secrets: Path, signers_file: Path) -> None:
    """Make the keys, and the file of trusted ones, that are not there yet."""
    if not signers_file.exists():
        write_signers(signers_file, _read_own_signers(secrets))
    for role in FILES:
        if not (secrets / FILES[role]).exists():
            make_key(role, secrets, signers_file)


def make_key(role: KeyRole, secrets: Path, signers_file: Path) -> Path:
    """Make a key in the place of the present one, which stays trusted; return its file."""
    key: Ed25519PrivateKey | ec.EllipticCurvePrivateKey
    if role == "export":
        # OpenSSF's model_signing takes elliptic curves alone.
        key = ec.generate_private_key(ec.SECP256R1())
    else:
        key = Ed25519PrivateKey.generate()
        known = read_signers(signers_file) if signers_file.exists() else []
        # Trusted before it is used.
        write_signers(signers_file, [*known, _trust(key.public_key(), role, time.time())])
    path = secrets / FILES[role]
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_private(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())
    return path


def retire_key(key_id: str, at: datetime, signers_file: Path) -> None:
    """Let a key count for what it signed before then, and no longer. Raises UsageError."""
    known = read_signers(signers_file)
    if all(one.id != key_id for one in known):
        raise UsageError(f"{signers_file} knows no key {key_id}; `viral keys list` shows all")
    write_signers(
        signers_file,
        [one.model_copy(update={"valid_until": at}) if one.id == key_id else one for one in known],
    )


def find_own_keys(secrets: Path) -> set[str]:
    """Find the names of the keys that are signed with here."""
    return {one.id for one in _read_own_signers(secrets)}


def write_signers(path: Path, signers: Sequence[TrustedSigner]) -> None:
    """Write the file; everyone may read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    write_private(path, _HEAD + "".join(map(_render_signer, signers)))
    path.chmod(0o644)


def _read_own_signers(secrets: Path) -> list[TrustedSigner]:
    files = [(role, secrets / FILES[role]) for role in get_args(Role)]
    return [
        _trust(Signer.from_pem(file.read_text()).public_key, role, file.stat().st_mtime)
        for role, file in files
        if file.exists()
    ]


def _trust(key: Ed25519PublicKey, role: Role, made_at: float) -> TrustedSigner:
    """Trust a key from the day on that it was made: clocks differ, and a key that is new has signed nothing."""
    midnight = datetime.fromtimestamp(made_at, UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return TrustedSigner.from_key(key, role, midnight)


def _render_signer(signer: TrustedSigner) -> str:
    lines = [
        "",
        "[[signers]]",
        f'id = "{signer.id}"',
        f'role = "{signer.role}"',
        f'public_key = "{signer.public_key}"',
        f"valid_from = {signer.valid_from.isoformat()}",
        *([f"valid_until = {signer.valid_until.isoformat()}"] if signer.valid_until else []),
    ]
    return "\n".join(lines) + "\n"


def choose_signers_file(root: Path) -> Path:
    """Choose the stack's file of trusted signers: one that a person names comes first."""
    return Path(os.environ.get("VIRAL_TRUSTED_SIGNERS") or root / SIGNERS_FILE).absolute()
