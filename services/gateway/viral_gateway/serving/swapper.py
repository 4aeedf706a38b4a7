"""Swap models while serving: fetch, verify, load and try one aside, then replace one reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from viral_common.artefact.files import Artefact, read_artefact
from viral_common.errors import ArtefactError, RegistryUnavailable
from viral_common.events import Precision
from viral_common.stores.champion import Champion

from viral_gateway import telemetry
from viral_gateway.serving.artefact_cache import ArtefactCache, CacheUnwritable
from viral_gateway.serving.champion import ModelHolder, Refusal, Scorer, Serving
from viral_gateway.tuning import settle_memory

log = structlog.get_logger()


Download = Callable[[str, Precision, Path], Path]
"""Fetches what serves, as `viral_common.artefact.download` does. Raises ArtefactError, RegistryUnavailable."""


class Swapper:
    """Decide whether a champion is news, and swap it in. Called from one thread at a time."""

    def __init__(
        self,
        holder: ModelHolder,
        cache: ArtefactCache,
        download: Download,
        try_artefact: Callable[[Artefact, Precision], None],
        load: Callable[[Artefact, Precision], Scorer],
        announce: Callable[[], None],
    ) -> None:
        self._holder, self._cache = holder, cache
        self._download, self._try, self._load, self._announce = download, try_artefact, load, announce

    def restore(self) -> None:
        """Serve the last good artefact on disk until Postgres has said which model is the champion."""
        for model in self._cache.list_newest_first():
            try:
                self._serve(Serving(model, self._load_cached(model), from_cache=True))
            except ArtefactError as error:
                log.warning("cached artefact unusable", version=model.model_version, reason=str(error))
            else:
                log.info("model restored", version=model.model_version, promotion_seq=model.promotion_seq)
                return

    def offer(self, model: Champion) -> None:
        """Swap in the champion that Postgres names, if it is another than serves. Refuses damage.

        Raises RegistryUnavailable or CacheUnwritable where another try may help.
        """
        if not self._is_news(model):
            return
        self.set_obstacle(f"version {model.model_version} is promoted and being loaded")
        try:
            scorer = self._load_scorer(model)
        except ArtefactError as error:
            self._refuse(model, str(error))
            return
        except (RegistryUnavailable, CacheUnwritable) as error:
            mlflow_away = isinstance(error, RegistryUnavailable)
            reason = "MLflow does not answer" if mlflow_away else "the disk takes no artefact"
            self.set_obstacle(f"version {model.model_version} is promoted, but {reason}")
            raise
        self._serve(Serving(model, scorer))
        settle_memory()
        telemetry.SWAPS.inc()
        log.info(
            "model swapped in",
            version=model.model_version,
            promotion_seq=model.promotion_seq,
            precision=model.precision,
        )
        self._announce()

    def set_obstacle(self, obstacle: str | None) -> None:
        """Keep why none serves for those who ask; None: nothing is promoted."""
        self._holder.obstacle = obstacle

    def _is_news(self, model: Champion) -> bool:
        current = self._holder.current
        if current is None:
            return True
        # Also with a lower number: what serves may come from the cache of another database.
        if model.graph != current.model.graph:
            return True
        if current.from_cache or model != current.model:
            self._serve(replace(current, model=model, from_cache=False))
        self._holder.refused = None
        return False

    def _load_scorer(self, model: Champion) -> Scorer:
        if self._cache.has(model):
            try:
                return self._load_cached(model)
            except ArtefactError as error:
                if self._cache.has(model):  # its bytes are right, and fetching would bring the same
                    raise
                log.warning("cached artefact unusable", version=model.model_version, reason=str(error))
        return self._load_downloaded(model)

    def _load_cached(self, model: Champion) -> Scorer:
        directory = self._cache.get_directory(model)
        try:
            artefact = read_artefact(directory, model.artifact_sha256, model.precision)
        except ArtefactError:
            self._cache.forget(model)
            raise
        scorer = self._load(artefact, model.precision)
        self._cache.keep(directory, model)
        return scorer

    def _load_downloaded(self, model: Champion) -> Scorer:
        with self._cache.open_staging() as staging:
            directory = self._download(model.artifact_uri, model.precision, staging)
            artefact = read_artefact(directory, model.artifact_sha256, model.precision)
            self._try(artefact, model.precision)  # what is in the cache came through this
            scorer = self._load(artefact, model.precision)
            self._cache.keep(directory, model)
        return scorer

    def _serve(self, serving: Serving) -> None:
        self._holder.current = serving
        self._holder.refused = self._holder.obstacle = None
        telemetry.MODEL_VERSION.set(serving.model.model_version)
        telemetry.PROMOTION_SEQ.set(serving.model.promotion_seq)

    def _refuse(self, model: Champion, reason: str) -> None:
        self._holder.refused = Refusal(model.model_version, model.promotion_seq, reason, datetime.now(UTC))
        self.set_obstacle(f"version {model.model_version} was refused: {reason}")
        telemetry.REFUSED.inc()
        log.error(
            "artefact refused", version=model.model_version, promotion_seq=model.promotion_seq, reason=reason
        )
