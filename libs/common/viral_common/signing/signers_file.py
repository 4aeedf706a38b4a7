"""Read the file of trusted signers: whose key may sign what, and from when until when."""

from __future__ import annotations

import stat
import tomllib
from base64 import b64decode, b64encode
from datetime import datetime
from pathlib import Path
from typing import Self

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from viral_common.errors import SignersUnreadable, summarise_error
from viral_common.signing.signer import compute_key_id
from viral_common.signing.statements import KeyId, Role, UtcTime

# Some three hundred keys.
LONGEST_FILE = 1 << 16


class TrustedSigner(BaseModel):
    """Hold a key, the one role that it may sign for, and the times of signing at which it counts."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: KeyId
    role: Role
    public_key: str
    """Its 32 bytes in base64."""
    valid_from: UtcTime
    valid_until: UtcTime | None = None

    @classmethod
    def from_key(cls, key: Ed25519PublicKey, role: Role, valid_from: datetime) -> Self:
        """Trust a key from then on."""
        raw = b64encode(key.public_bytes_raw()).decode()
        return cls(id=compute_key_id(key), role=role, public_key=raw, valid_from=valid_from)

    @property
    def key(self) -> Ed25519PublicKey:
        return Ed25519PublicKey.from_public_bytes(b64decode(self.public_key, validate=True))

    def is_valid_at(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.valid_until is None or at < self.valid_until)

    @model_validator(mode="after")
    def _check_id(self) -> Self:
        if compute_key_id(self.key) != self.id:
            raise ValueError("id is not the key's")
        return self


class SignersFile(BaseModel):
    """Describe the file."""

    model_config = ConfigDict(extra="forbid")

    signers: list[TrustedSigner] = []


def read_signers(path: Path) -> list[TrustedSigner]:
    """Read all of them. Raises SignersUnreadable with one line that says what is wrong."""
    try:
        with path.open("rb") as file:
            if path.stat().st_mode & stat.S_IWOTH:
                raise SignersUnreadable(f"{path} may be written by everyone: chmod 644 {path}")
            content = file.read(LONGEST_FILE + 1)
        if len(content) > LONGEST_FILE:
            raise SignersUnreadable(f"{path} is longer than {LONGEST_FILE:,} bytes, so it lists no signers")
        found = SignersFile.model_validate(tomllib.loads(content.decode())).signers
    except OSError as error:
        raise SignersUnreadable(f"{path} cannot be read ({error.strerror or error})") from error
    except ValidationError as error:
        problem = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(step) for step in problem["loc"])
        raise SignersUnreadable(f"{path}: {where}: {problem['msg']}") from error
    except (ValueError, RecursionError) as error:
        raise SignersUnreadable(f"{path} is no file of trusted signers ({summarise_error(error)})") from error
    if len({one.id for one in found}) < len(found):
        raise SignersUnreadable(f"{path} lists a key twice: each has one role")
    return found


class TrustedSigners:
    """Find signers by their keys' names, in a file that is read again whenever it changed."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read: tuple[object, dict[str, TrustedSigner]] = (None, {})

    def find(self, key_id: str) -> TrustedSigner | None:
        """Find a signer. Raises SignersUnreadable if the file was damaged meanwhile."""
        return self.load().get(key_id)

    def load(self) -> dict[str, TrustedSigner]:
        """Load all, by name."""
        try:
            now = self._path.stat()
        except OSError as error:
            raise SignersUnreadable(f"{self._path} cannot be read ({error.strerror or error})") from error
        seen = (now.st_mtime_ns, now.st_size, now.st_ino, now.st_mode)
        if self._read[0] != seen:
            self._read = (seen, {one.id: one for one in read_signers(self._path)})
        return self._read[1]
