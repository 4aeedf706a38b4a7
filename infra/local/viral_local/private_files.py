"""Write files that nobody else may read, replaced whole or not at all."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def write_private(path: Path, text: str, owner: tuple[int, int] | None = None) -> None:
    """Write with mode 0600, for `owner` (uid, gid) if given; a reader sees the old text or the new one."""
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w") as file:
            if owner:
                os.fchown(descriptor, *owner)
            file.write(text)
        unfinished.replace(path)
    except BaseException:
        unfinished.unlink(missing_ok=True)
        raise


def write_private_json(path: Path, document: Any) -> None:
    """Write JSON in the same way."""
    write_private(path, json.dumps(document, indent=2) + "\n")


def read_json(path: Path) -> Any | None:
    """Read the document; None if there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


@contextmanager
def lock_file(path: Path) -> Iterator[None]:
    """Hold an exclusive lock on the file; the kernel frees it if we die."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
