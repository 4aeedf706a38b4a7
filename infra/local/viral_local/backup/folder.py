"""Write a backup's folder whole or not at all, and know that it is unchanged."""

from __future__ import annotations

import glob
import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp

from pydantic import BaseModel, ValidationError
from viral_common.errors import UsageError

MANIFEST = "manifest.json"
ARTEFACTS, SECRETS, SIGNERS, CERTS = "artefacts", "secrets", "trusted-signers.toml", "certs"
# Of a folder that is being written.
SUFFIX = ".unfinished"


class Manifest(BaseModel):
    """Hold what a backup is of, and all its files."""

    made_at: datetime
    product: str
    schema_revision: str | None
    postgres: int
    pg_dump: int
    has_artefacts: bool
    files: dict[str, tuple[int, str]]
    """Size and SHA-256 of each."""


@contextmanager
def write_beside(folder: Path) -> Iterator[Path]:
    """Give a folder to write into that takes the name at the end; what was left by others that were cut off goes."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(f"{folder} is there and not empty: name another folder")
    folder.parent.mkdir(parents=True, exist_ok=True)
    for left in folder.parent.glob(f".{glob.escape(folder.name)}.*{SUFFIX}"):
        shutil.rmtree(left)
    unfinished = Path(mkdtemp(SUFFIX, f".{folder.name}.", folder.parent))
    umask = os.umask(0o077)
    try:
        yield unfinished
        os.sync()  # a power cut must not leave the name without the bytes
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    finally:
        os.umask(umask)


def copy_files(source: Path, target: Path, owner: tuple[int, int] | None = None) -> None:
    """Copy what is not there yet, readable by its owner alone. A file that goes meanwhile was nobody's yet."""
    for folder, _, names in os.walk(source, followlinks=True):
        place = target / Path(folder).relative_to(source)
        _make_folder(place, owner)
        for name in names:
            copy = place / name
            if copy.exists():
                continue
            unfinished = copy.with_name(f".{name}{SUFFIX}")
            with suppress(FileNotFoundError):
                shutil.copyfile(Path(folder) / name, unfinished)
                unfinished.chmod(0o600)
                if owner:
                    os.chown(unfinished, *owner)
                unfinished.rename(copy)


def compute_files(folder: Path) -> dict[str, tuple[int, str]]:
    """Compute size and digest of every file."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        files = pool.map(_compute_file, paths)
        return {str(path.relative_to(folder)): file for path, file in zip(paths, files, strict=True)}


def read_manifest(folder: Path) -> Manifest:
    """Read it, without looking at the files. Raises UsageError for what is no whole backup."""
    try:
        return Manifest.model_validate_json((folder / MANIFEST).read_bytes())
    except (OSError, ValidationError) as error:
        raise UsageError(
            f"{folder} is no backup, or not a whole one: {MANIFEST} is missing or damaged"
        ) from error


def verify_files(folder: Path, manifest: Manifest) -> None:
    """Raise UsageError unless every file is there and unchanged, and no other."""
    found = compute_files(folder)
    if wrong := sorted(
        name for name in found | manifest.files if found.get(name) != manifest.files.get(name)
    ):
        more = f" and {len(wrong) - 1} more" if wrong[1:] else ""
        raise UsageError(f"{folder} is damaged: {wrong[0]}{more} is not what {MANIFEST} says")


def _compute_file(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        return path.stat().st_size, hashlib.file_digest(file, "sha256").hexdigest()


def _make_folder(path: Path, owner: tuple[int, int] | None) -> None:
    if not path.is_dir():
        path.mkdir(mode=0o700, parents=True)
        if owner:
            os.chown(path, *owner)
