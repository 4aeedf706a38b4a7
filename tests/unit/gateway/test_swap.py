"""Hot swap over real files and a made-up model: what is news, what is refused, what serves on."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from viral_common.artefact import FILES, GRAPHS, SPEC, Artefact, write_manifest
from viral_common.errors import ArtefactError, RegistryUnavailable
from viral_common.events import Precision
from viral_gateway.app import create_app
from viral_gateway.cache import KEPT, ArtefactCache
from viral_gateway.promoted import PromotedModel
from viral_gateway.serving import ModelHolder, Refusal
from viral_gateway.swap import Swapper

from tests.unit.gateway.fakes import NOON, FakeModel, World, a_promotion, a_spec


class FakeMlflow:
    """Artefact directories by version, each a true one whose model tells its version."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.away = False
        self.downloads = 0

    def train(self, version: int, seq: int | None = None) -> PromotedModel:
        """Make an artefact; its base probability is a hundredth of its version."""
        directory = self.directory / str(version)
        directory.mkdir(parents=True, exist_ok=True)
        for name in {*FILES, *GRAPHS.values()}:
            (directory / name).write_text(json.dumps({"version": version}))
        (directory / SPEC).write_text(a_spec().model_dump_json())
        return a_promotion(version, seq, write_manifest(directory))

    def download(self, artifact_uri: str, into: Path) -> Path:
        if self.away:
            raise RegistryUnavailable("MLflow does not answer")
        self.downloads += 1
        return Path(
            shutil.copytree(self.directory / artifact_uri.removeprefix("models:/"), into / "artefact")
        )


def load(artefact: Artefact, precision: Precision) -> FakeModel:
    """Read the model like the real one: from its file. In int8 it is less sure by a thousandth."""
    if not (model := json.loads((artefact.directory / GRAPHS[precision]).read_bytes())):
        raise ArtefactError("cannot score its sample")
    return FakeModel(model["version"] / 100 - (0.001 if precision == "int8" else 0))


class Stage:
    """A swapper with all that it touches."""

    def __init__(self, directory: Path) -> None:
        self.mlflow = FakeMlflow(directory / "mlflow")
        self.announced = 0
        self.restart(directory)

    def restart(self, directory: Path) -> None:
        self.holder = ModelHolder()
        self.cache = ArtefactCache(directory / "cache")
        self.swapper = Swapper(self.holder, self.cache, self.mlflow.download, load, self._announce)

    @property
    def version(self) -> int | None:
        return self.holder.current.model.version if self.holder.current else None

    @property
    def base(self) -> float:
        """What the model that serves starts from."""
        scorer = self.holder.serving().scorer
        assert isinstance(scorer, FakeModel)
        return scorer.base

    def _announce(self) -> None:
        self.announced += 1


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def test_a_promotion_is_fetched_and_serves(stage: Stage) -> None:
    stage.swapper.offer(stage.mlflow.train(1), from_ledger=True)

    assert stage.version == 1
    assert stage.announced == 1


def test_old_and_repeated_promotions_are_ignored(stage: Stage) -> None:
    first, second = stage.mlflow.train(1), stage.mlflow.train(2)
    stage.swapper.offer(second, from_ledger=False)

    stage.swapper.offer(first, from_ledger=False)
    stage.swapper.offer(second, from_ledger=True)

    assert stage.version == 2
    assert stage.mlflow.downloads == 1
    assert stage.announced == 1


def test_a_rollback_is_a_new_promotion_of_an_old_version_and_needs_no_download(stage: Stage) -> None:
    first = stage.mlflow.train(1, seq=1)
    stage.swapper.offer(first, from_ledger=True)
    stage.swapper.offer(stage.mlflow.train(2, seq=2), from_ledger=True)
    stage.mlflow.away = True

    stage.swapper.offer(first.model_copy(update={"promotion_seq": 3}), from_ledger=True)

    assert stage.version == 1
    assert stage.holder.serving().model.promotion_seq == 3


def test_the_graph_of_the_promotions_precision_serves(stage: Stage) -> None:
    stage.swapper.offer(in_int8(stage.mlflow.train(50)), from_ledger=True)

    assert stage.base == 0.499


def test_another_precision_of_the_same_version_is_news_and_needs_no_download(stage: Stage) -> None:
    model = stage.mlflow.train(50)
    stage.swapper.offer(model, from_ledger=True)
    stage.mlflow.away = True

    stage.swapper.offer(in_int8(model, seq=51), from_ledger=True)

    assert stage.base == 0.499
    assert stage.announced == 2


def test_what_serves_after_a_restart_is_of_the_same_precision(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(in_int8(stage.mlflow.train(50)), from_ledger=True)
    stage.mlflow.away = True

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.base == 0.499


def test_a_cached_promotion_from_before_int8_is_of_fp32(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(50), from_ledger=True)
    (note,) = (tmp_path / "cache").glob("*.json")
    kept = json.loads(note.read_text())
    del kept["precision"]
    note.write_text(json.dumps(kept))

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.base == 0.5


def test_a_graph_that_cannot_serve_costs_neither_the_cache_nor_another_download(
    stage: Stage, tmp_path: Path
) -> None:
    directory = stage.mlflow.directory / "50"
    stage.mlflow.train(50)
    (directory / "model.int8.onnx").write_text("{}")
    model = a_promotion(50, sha256=write_manifest(directory))
    stage.swapper.offer(model, from_ledger=True)

    stage.swapper.offer(in_int8(model, seq=51), from_ledger=True)
    refused = stage.holder.refused
    stage.restart(tmp_path)
    stage.swapper.restore()

    assert refused is not None
    assert refused.promotion_seq == 51
    assert stage.mlflow.downloads == 1
    assert stage.base == 0.5


def in_int8(model: PromotedModel, seq: int | None = None) -> PromotedModel:
    return model.model_copy(update={"precision": "int8", "promotion_seq": seq or model.promotion_seq})


@pytest.mark.parametrize("damage", ["flipped", "missing", "pickle", "digest", "sample", "gone"])
def test_a_damaged_artefact_is_refused_and_the_old_model_serves_on(stage: Stage, damage: str) -> None:
    stage.swapper.offer(stage.mlflow.train(1), from_ledger=True)
    bad = stage.mlflow.train(2)
    directory = stage.mlflow.directory / "2"
    match damage:
        case "flipped":
            (directory / "model.onnx").write_text("{}")
        case "missing":
            (directory / "tokenizer.json").unlink()
        case "pickle":
            (directory / "model.pkl").write_bytes(b"\x80\x04.")
        case "digest":
            bad = bad.model_copy(update={"artifact_sha256": "0" * 64})
        case "sample":
            (directory / "model.onnx").write_text("{}")
            bad = bad.model_copy(update={"artifact_sha256": write_manifest(directory)})
        case "gone":
            shutil.rmtree(directory)
            directory.mkdir()

    stage.swapper.offer(bad, from_ledger=True)

    assert stage.version == 1
    assert stage.announced == 1
    assert stage.holder.refused is not None
    assert stage.holder.refused.version == 2
    assert "\n" not in stage.holder.refused.reason


def test_after_a_refusal_the_next_good_promotion_serves(stage: Stage) -> None:
    bad = stage.mlflow.train(1).model_copy(update={"artifact_sha256": "0" * 64})
    stage.swapper.offer(bad, from_ledger=True)
    assert stage.version is None

    stage.swapper.offer(stage.mlflow.train(2), from_ledger=True)

    assert stage.version == 2
    assert stage.holder.refused is None


def test_with_mlflow_away_the_old_model_serves_on(stage: Stage) -> None:
    stage.swapper.offer(stage.mlflow.train(1), from_ledger=True)
    second = stage.mlflow.train(2)
    stage.mlflow.away = True

    with pytest.raises(RegistryUnavailable):
        stage.swapper.offer(second, from_ledger=True)

    assert stage.version == 1
    assert stage.holder.refused is None


def test_at_start_with_everything_away_the_last_good_model_serves(stage: Stage, tmp_path: Path) -> None:
    for version in (1, 2):
        stage.swapper.offer(stage.mlflow.train(version), from_ledger=True)
    before = stage.holder.serving().model
    stage.mlflow.away = True

    stage.restart(tmp_path)
    stage.swapper.restore()

    assert stage.holder.serving().model == before


def test_a_damaged_cache_falls_back_to_the_one_before_and_heals(stage: Stage, tmp_path: Path) -> None:
    first, second = stage.mlflow.train(1), stage.mlflow.train(2)
    stage.swapper.offer(first, from_ledger=True)
    stage.swapper.offer(second, from_ledger=True)
    (stage.cache.directory_of(second) / "model.onnx").write_text("{}")

    stage.restart(tmp_path)
    stage.swapper.restore()
    assert stage.version == 1

    stage.swapper.offer(second, from_ledger=True)
    assert stage.version == 2


def test_an_empty_or_broken_cache_restores_nothing(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.restore()
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "0123456789abcdef.json").write_text("not json")

    stage.swapper.restore()

    assert stage.version is None


def test_only_the_last_two_artefacts_are_kept(stage: Stage, tmp_path: Path) -> None:
    for version in range(1, 6):
        stage.swapper.offer(stage.mlflow.train(version), from_ledger=True)

    kept = {path.name for path in (tmp_path / "cache").iterdir()}

    assert len([name for name in kept if name.endswith(".json")]) == KEPT
    assert len(kept) == 2 * KEPT


def test_postgres_overrules_a_cache_from_another_database(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(9, seq=9), from_ledger=True)
    stage.restart(tmp_path)
    stage.swapper.restore()

    stage.swapper.offer(stage.mlflow.train(1, seq=1), from_ledger=True)

    assert stage.version == 1


def test_a_late_event_does_not_overrule_the_cache(stage: Stage, tmp_path: Path) -> None:
    stage.swapper.offer(stage.mlflow.train(9, seq=9), from_ledger=True)
    stage.restart(tmp_path)
    stage.swapper.restore()

    stage.swapper.offer(stage.mlflow.train(8, seq=8), from_ledger=False)

    assert stage.version == 9


def test_an_event_that_postgres_knows_nothing_of_is_overruled(stage: Stage) -> None:
    real = stage.mlflow.train(1, seq=1)
    stage.swapper.offer(real, from_ledger=True)
    stage.swapper.offer(stage.mlflow.train(2, seq=1000), from_ledger=False)
    believed = stage.version

    stage.swapper.offer(real, from_ledger=True)
    overruled = stage.version
    stage.swapper.offer(stage.mlflow.train(3, seq=2), from_ledger=False)

    assert (believed, overruled, stage.version) == (2, 1, 3)


def test_a_refusal_is_forgotten_once_the_champion_is_known_to_serve(stage: Stage) -> None:
    real = stage.mlflow.train(1, seq=1)
    stage.swapper.offer(real, from_ledger=True)
    stage.holder.refused = Refusal(7, 77, "no such artefact", NOON)

    stage.swapper.offer(real, from_ledger=True)

    assert stage.holder.refused is None


def test_replies_during_fifty_swaps_never_mix_versions(stage: Stage, world: World) -> None:
    world.holder = stage.holder
    promotions = [stage.mlflow.train(version) for version in range(1, 51)]
    stage.swapper.offer(promotions[0], from_ledger=True)
    swapped = threading.Event()

    def ask(client: TestClient) -> Iterator[tuple[int, set[int]]]:
        while not swapped.is_set():
            reply = client.post("/v1/predictions", json={"tweets": [{"text": "x"}] * 8, "explain": True})
            assert reply.status_code == 200
            said = {round(100 * p["probability"]) for p in reply.json()["predictions"]}
            yield reply.json()["model"]["version"], said

    with TestClient(create_app(world.gateway())) as client, ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(lambda: list(ask(client))) for _ in range(4)]
        for promotion in promotions[1:]:
            stage.swapper.offer(promotion, from_ledger=True)
            swapped.wait(0.02)
        swapped.set()
        replies = [reply for asker in askers for reply in asker.result()]

    assert len({version for version, _ in replies}) > 5
    assert all(said == {version} for version, said in replies)
