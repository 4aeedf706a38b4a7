"""Swap models while serving: fetch, verify, load and try one aside, then replace one reference."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import structlog
from viral_common.artefact.files import Artefact, read_artefact
from viral_common.errors import ArtefactError, RegistryUnavailable, SignersUnreadable
from viral_common.events import Precision
from viral_common.signing.trust import Trust
from viral_common.stores.champion import Champion

from viral_gateway import telemetry
from viral_gateway.serving.artefact_cache import ArtefactCache, CacheUnwritable
from viral_gateway.serving.champion import ModelHolder, Refusal, Scorer, Serving
from viral_gateway.tuning import settle_memory

log = structlog.get_logger()

# What keeps a sound champion from serving, for a while.
_OBSTACLES: dict[type[Exception], str] = {
    RegistryUnavailable: "MLflow does not answer",
    CacheUnwritable: "the disk takes no artefact",
    SignersUnreadable: "the file of trusted signers cannot be read",
}

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
        trust: Trust,
    ) -> None:
        self._holder, self._cache, self._trust = holder, cache, trust
        self._download, self._try, self._load, self._announce = download, try_artefact, load, announce

    def restore(self) -> None:
        """Serve the last good artefact on disk until Postgres has said which model is the champion."""
        for model in self._cache.list_newest_first():
            try:
                signed = self._trust.check_promotion(model)
                self._serve(replace(self._load_cached(model), from_cache=True, promotion_signed=signed))
            except (ArtefactError, SignersUnreadable) as error:
                log.warning("cached artefact unusable", version=model.model_version, reason=str(error))
            else:
                log.info("model restored", version=model.model_version, promotion_seq=model.promotion_seq)
                return

    def offer(self, model: Champion) -> None:
        """Swap in the champion that Postgres names, if it is another than serves. Refuses what is damaged or unsigned.

        Raises RegistryUnavailable, CacheUnwritable or SignersUnreadable where another try may help.
        """
        try:
            signed = self._trust.check_promotion(model)
            if not self._is_news(model, signed):
                return
            self.set_obstacle(f"version {model.model_version} is promoted and being loaded")
            serving = replace(self._load_model(model), promotion_signed=signed)
        except ArtefactError as error:
            self._refuse(model, str(error))
            return
        except tuple(_OBSTACLES) as error:
            reason = next(words for kind, words in _OBSTACLES.items() if isinstance(error, kind))
            self.set_obstacle(f"version {model.model_version} is promoted, but {reason}")
            raise
        self._serve(serving)
        settle_memory()
        telemetry.SWAPS.inc()
        log.info(
            "model swapped in",
            version=model.model_version,
            promotion_seq=model.promotion_seq,
            precision=model.precision,
            signed=serving.signed,
        )
        self._announce()

    def set_obstacle(self, obstacle: str | None) -> None:
        """Keep why none serves for those who ask; None: nothing is promoted."""
        self._holder.obstacle = obstacle

    def _is_news(self, model: Champion, signed: bool) -> bool:
        current = self._holder.current
        if current is None:
            return True
        # Also with a lower number: what serves may come from the cache of another database.
        if model.graph != current.model.graph:
            return True
        confirmed = replace(current, model=model, from_cache=False, promotion_signed=signed)
        if confirmed != current:
            self._serve(confirmed)
        self._holder.refused = None
        return False

    def _load_model(self, model: Champion) -> Serving:
        if self._cache.has(model):
            try:
                return self._load_cached(model)
            except ArtefactError as error:
                if self._cache.has(model):  # its bytes are right, and fetching would bring the same
                    raise
                log.warning("cached artefact unusable", version=model.model_version, reason=str(error))
        return self._load_downloaded(model)

    def _load_cached(self, model: Champion) -> Serving:
        directory = self._cache.get_directory(model)
        try:
            artefact = read_artefact(directory, model.artifact_sha256, model.precision)
        except ArtefactError:
            self._cache.forget(model)
            raise
        signed = self._check_artefact(artefact, model)
        scorer = self._load(artefact, model.precision)
        self._cache.keep(directory, model)
        return Serving(model, scorer, artefact_signed=signed)

    def _load_downloaded(self, model: Champion) -> Serving:
        with self._cache.open_staging() as staging:
            directory = self._download(model.artifact_uri, model.precision, staging)
            artefact = read_artefact(directory, model.artifact_sha256, model.precision)
            signed = self._check_artefact(artefact, model)
            self._try(artefact, model.precision)  # what is in the cache came through this
            scorer = self._load(artefact, model.precision)
            self._cache.keep(directory, model)
        return Serving(model, scorer, artefact_signed=signed)

    def _check_artefact(self, artefact: Artefact, model: Champion) -> bool:
        return self._trust.check_artefact(artefact.signature, artefact.sha256, model.batch_id)

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
