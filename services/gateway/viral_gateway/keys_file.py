"""Read and change the file of API keys: a line for each, with name, role, SHA-256 and last day."""

from __future__ import annotations

import hashlib
import os
import re
import secrets
import stat
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Literal, Self, get_args

from viral_common.errors import UsageError

Role = Literal["predict", "read", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
"""Each may do what those before it may."""

# Fit for a line of a log, a label of a metric and a header.
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,63}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_FOREVER = "-"


@dataclass(frozen=True)
class Key:
    """Hold what is known of a key; the key itself is nowhere."""

    name: str
    role: Role
    digest: bytes
    until: date | None = None
    """The last day (UTC) on which it opens anything; None: there is none."""

    @classmethod
    def from_line(cls, line: str) -> Self:
        """Parse a line. Raises ValueError for anything else than four fields that can be."""
        try:
            name, role, digest, last_day = line.split()
        except ValueError:
            raise ValueError("a line has four fields: name role sha256 until") from None
        if not NAME.fullmatch(name):
            raise ValueError("a name has up to 64 letters, digits and . _ @ -")
        if role not in ROLES:
            raise ValueError(f"a role is one of {', '.join(ROLES)}")
        if not _DIGEST.fullmatch(digest):
            raise ValueError("the third field is a SHA-256, 64 digits and letters a to f")
        until = None if last_day == _FOREVER else date.fromisoformat(last_day)
        return cls(name, role, bytes.fromhex(digest), until)

    def to_line(self) -> str:
        return f"{self.name} {self.role} {self.digest.hex()} {self.until or _FOREVER}"

    @property
    def is_good(self) -> bool:
        """Whether its last day is not over."""
        return self.until is None or datetime.now(UTC).date() <= self.until


def make_digest(key: str | bytes) -> bytes:
    """Hash a key as the file has it."""
    return hashlib.sha256(key.encode() if isinstance(key, str) else key).digest()


def read_keys(path: Path) -> list[Key]:
    """Read the file. Raises ValueError naming the line that is wrong, or OSError."""
    if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise ValueError(f"{path} can be written by others, who could let themselves in: chmod go-w {path}")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not in UTF-8") from None
    keys: dict[str, Key] = {}
    for number, line in enumerate(lines, 1):
        if not (stated := line.partition("#")[0].strip()):  # a comment
            continue
        try:
            key = Key.from_line(stated)
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from None
        if key.name in keys:
            raise ValueError(f"{path}, line {number}: there is a key named {key.name} above")
        keys[key.name] = key
    return list(keys.values())


def add_key(path: Path | None, name: str, role: Role, until: date | None) -> tuple[str, Key]:
    """Make a key, and add its line to the file, if one is given. Returns the key in clear, this once."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name}: a name has up to 64 letters, digits and . _ @ -")
    text = secrets.token_urlsafe(32)
    key = Key(name, role, make_digest(text), until)
    if path is not None:
        if path.exists() and any(known.name == name for known in read_keys(path)):
            raise UsageError(f"{path} has a key named {name}: retire it first, or choose another name")
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600), "a") as file:
            file.write(f"{key.to_line()}\n")
    return text, key


def remove_key(path: Path, name: str) -> Key:
    """Take a key's line out of the file. Raises UsageError if it has none of that name."""
    found = next((key for key in read_keys(path) if key.name == name), None)
    if found is None:
        raise UsageError(f"{path} has no key named {name}; `viral-gateway keys list` shows those it has")
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    kept = "".join(line for line in lines if line.partition("#")[0].split()[:1] != [name])
    unfinished, was = path.with_name(f".{path.name}.{secrets.token_hex(4)}"), path.stat()
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IMODE(was.st_mode))
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        os.fchown(descriptor, was.st_uid, was.st_gid)
        file.write(kept)
    unfinished.replace(path)
    return found
