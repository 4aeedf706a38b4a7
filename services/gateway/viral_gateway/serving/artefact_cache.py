"""Keep the last good artefacts on disk, so that a gateway can start while MLflow is away."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import structlog
from pydantic import ValidationError
from viral_common.errors import ViralError, summarise_error
from viral_common.stores.champion import Champion

log = structlog.get_logger()

KEPT = 2


class CacheUnwritable(ViralError):
    """Report that the disk is full or may not be written, so nothing can be fetched; tried again until it can."""


class ArtefactCache:
    """Keep in `<digest>-<precision>/` what has served, beside it its promotion as `.json`; the newest is the last good.

    Several gateways on one host may share it: everything appears by one rename.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def open_staging(self) -> Iterator[Path]:
        """Open an empty directory to download into, gone afterwards unless `keep` moved it. Raises CacheUnwritable."""
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(prefix=".incoming-", dir=self._directory) as name:
                yield Path(name)
        except OSError as error:
            raise CacheUnwritable(
                f"{self._directory} takes no artefact ({summarise_error(error)}); make room, or check VIRAL_DATA_DIR"
            ) from error

    def get_directory(self, model: Champion) -> Path:
        """Get where this model's artefact lies if it is kept; its contents are still to be verified."""
        return self._directory / f"{model.artifact_sha256[:16]}-{model.precision}"

    def has(self, model: Champion) -> bool:
        return self.get_directory(model).is_dir()

    def keep(self, artefact: Path, model: Champion) -> None:
        """Take over a directory that was loaded well, as the last good one; older ones go.

        Where the disk takes nothing it is logged: the model serves all the same.
        """
        try:
            self._keep(artefact, model)
        except OSError as error:
            log.warning(
                "artefact cache not written", version=model.model_version, reason=summarise_error(error)
            )

    def _keep(self, artefact: Path, model: Champion) -> None:
        target = self.get_directory(model)
        if artefact != target:
            try:
                artefact.replace(target)
            except OSError:
                if not target.is_dir():  # else another gateway on this host was faster
                    raise
        note = self._directory / f".{target.name}-{os.getpid()}.json"
        note.write_text(model.model_dump_json(indent=2), encoding="utf-8")
        note.replace(target.with_suffix(".json"))
        for old in self._list_notes()[KEPT:]:
            self._remove(old.with_suffix(""))

    def forget(self, model: Champion) -> None:
        """Remove an artefact that turned out to be damaged."""
        self._remove(self.get_directory(model))

    def list_newest_first(self) -> list[Champion]:
        """List the promotions of what is kept; a note that cannot be read is logged and passed over."""
        models = []
        for note in self._list_notes():
            try:
                models.append(Champion.model_validate_json(note.read_bytes()))
            except (OSError, ValidationError) as error:
                log.warning("cached promotion unreadable", path=str(note), reason=repr(error))
        return models

    def _list_notes(self) -> list[Path]:
        written = []
        for path in self._directory.glob("[!.]*.json"):
            with suppress(FileNotFoundError):  # another gateway on this host has just removed it
                written.append((path.stat().st_mtime_ns, path))
        return [path for _, path in sorted(written, reverse=True)]

    def _remove(self, artefact: Path) -> None:
        try:
            artefact.with_suffix(".json").unlink(missing_ok=True)
        except OSError as error:
            log.warning("cached artefact not removed", path=str(artefact), reason=summarise_error(error))
        shutil.rmtree(artefact, ignore_errors=True)
