"""Remove shards that no batch needs: an archive's earlier ones, and those that nobody has opened for a week."""

from __future__ import annotations

import fcntl
import json
import shutil
import time
from pathlib import Path

import structlog

log = structlog.get_logger()

UNUSED_S = 7 * 86_400  # an archive asked for less often is read again


def remove_old(folder: Path, asked: str) -> None:
    """Remove what no process has open. Call with the folder's lock held: then no shards are being made."""
    for shards in folder.iterdir():
        if not shards.is_dir():
            continue
        half_made = shards.suffix == ".partial"
        if half_made or (_is_old(shards, asked) and not _is_in_use(shards)):
            shutil.rmtree(shards)
            log.info("old archive shards removed", folder=str(shards))


def _is_old(shards: Path, asked: str) -> bool:
    """Tell whether they were superseded by a change of the files, are unused, or cannot be read."""
    if time.time() - shards.stat().st_mtime > UNUSED_S:
        return True
    try:
        index = json.loads((shards / "index.json").read_text())
    except (OSError, ValueError):
        return True
    return bool(index.get("asked", asked) == asked)


def _is_in_use(shards: Path) -> bool:
    try:
        with (shards / "rows").open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False  # of a format of old
    return False
