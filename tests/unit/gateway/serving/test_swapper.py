"""Hot swap over real files and a made-up model: what is news, what is refused, what serves on."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from viral_common.artefact.files import write_manifest
from viral_common.errors import RegistryUnavailable
from viral_gateway.app import create_app
from viral_gateway.serving.champion import Refusal

from tests.unit.gateway.fakes import NOON, World, a_promotion
from tests.unit.gateway.stage import Stage, in_int8


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


def test_another_precision_of_the_same_version_is_news_and_may_return_without_a_download(
    stage: Stage,
) -> None:
    model = stage.mlflow.train(50)
    stage.swapper.offer(model, from_ledger=True)

    stage.swapper.offer(in_int8(model, seq=51), from_ledger=True)
    in_between = stage.base
    stage.mlflow.away = True
    stage.swapper.offer(model.model_copy(update={"promotion_seq": 52}), from_ledger=True)

    assert (in_between, stage.base) == (0.499, 0.5)
    assert stage.announced == 3


def test_a_graph_that_cannot_serve_does_not_cost_the_one_that_can(stage: Stage, tmp_path: Path) -> None:
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
    assert stage.base == 0.5


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
        try:
            for promotion in promotions[1:]:
                stage.swapper.offer(promotion, from_ledger=True)
                swapped.wait(0.02)
        finally:
            swapped.set()
        replies = [reply for asker in askers for reply in asker.result()]

    assert len({version for version, _ in replies}) > 5
    assert all(said == {version} for version, said in replies)
