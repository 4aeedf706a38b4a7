"""Run a swapper over real files and a made-up model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from viral_common.artefact.files import (
    FILES,
    GRAPHS,
    MANIFEST,
    SERVING,
    SIGNATURE,
    SPEC,
    Artefact,
    refuse_code,
    write_manifest,
)
from viral_common.errors import ArtefactError, RegistryUnavailable
from viral_common.events import Precision
from viral_common.signing.trust import Trust
from viral_common.stores.champion import Champion
from viral_gateway.serving.artefact_cache import ArtefactCache
from viral_gateway.serving.champion import ModelHolder
from viral_gateway.serving.swapper import Swapper

from tests.unit.gateway.fakes import FakeModel, make_champion, make_spec


class FakeMlflow:
    """Hold artefact directories by version, each a true one whose model says its version."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.away = False
        self.downloads = 0

    def train(self, version: int, seq: int | None = None) -> Champion:
        """Make an artefact; its base probability is a hundredth of its version."""
        directory = self.directory / str(version)
        directory.mkdir(parents=True, exist_ok=True)
        for name in {*FILES, *GRAPHS.values()}:
            (directory / name).write_text(json.dumps({"version": version}))
        (directory / SPEC).write_text(make_spec().model_dump_json())
        return make_champion(version, seq, write_manifest(directory))

    def download(self, artifact_uri: str, precision: Precision, into: Path) -> Path:
        if self.away:
            raise RegistryUnavailable("MLflow does not answer")
        self.downloads += 1
        directory = into / "artefact"
        directory.mkdir()
        for file in (self.directory / artifact_uri.removeprefix("models:/")).iterdir():
            refuse_code(file.name, artifact_uri)
            if file.name in {MANIFEST, SIGNATURE, *SERVING[precision]}:
                shutil.copy(file, directory)
        return directory


def load(artefact: Artefact, precision: Precision) -> FakeModel:
    """Read the model like the real one: from its file. In int8 it is less sure by a thousandth."""
    if not (model := json.loads((artefact.directory / GRAPHS[precision]).read_bytes())):
        raise ArtefactError("cannot score its sample")
    return FakeModel(model["version"] / 100 - (0.001 if precision == "int8" else 0))


class SwapperHarness:
    """Hold a swapper with all that it touches."""

    def __init__(self, directory: Path, trust: Trust | None = None) -> None:
        self.mlflow = FakeMlflow(directory / "mlflow")
        self.announced = 0
        self.trust = trust or Trust(None, allow_unsigned=True)
        self.restart(directory)

    def restart(self, directory: Path) -> None:
        self.holder = ModelHolder()
        self.tried: list[str] = []
        self.cache = ArtefactCache(directory / "cache")
        self.swapper = Swapper(
            self.holder, self.cache, self.mlflow.download, self._try, load, self._announce, self.trust
        )

    @property
    def version(self) -> int | None:
        return self.holder.current.model.model_version if self.holder.current else None

    @property
    def base(self) -> float:
        """What the model that serves starts from."""
        scorer = self.holder.get_serving().scorer
        assert isinstance(scorer, FakeModel)
        return scorer.base

    def _try(self, artefact: Artefact, _precision: Precision) -> None:
        self.tried.append(artefact.sha256)

    def _announce(self) -> None:
        self.announced += 1


def in_int8(model: Champion, seq: int | None = None) -> Champion:
    return model.model_copy(update={"precision": "int8", "promotion_seq": seq or model.promotion_seq})
