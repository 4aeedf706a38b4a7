"""Hot swap over real files and a made-up model: what is news, what is refused, what serves on."""

from __future__ import annotations

import gc
import shutil
import threading
import weakref
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from viral_common.artefact.files import write_manifest
from viral_common.errors import RegistryUnavailable
from viral_gateway.app import create_app
from viral_gateway.serving.champion import Refusal
from viral_gateway.tuning import settle_memory

from tests.unit.gateway.fakes import NOON, FakeGateway, a_promotion
from tests.unit.gateway.stage import Stage, in_int8


def test_a_promotion_is_fetched_and_serves(stage: Stage) -> None:
    stage.swapper.offer(stage.mlflow.train(1))

    assert stage.version == 1
    assert stage.announced == 1


def test_a_repeated_promotion_is_ignored(stage: Stage) -> None:
    model = stage.mlflow.train(2)
    stage.swapper.offer(model)

    stage.swapper.offer(model)

    assert stage.version == 2
    assert stage.mlflow.downloads == 1
    assert stage.announced == 1


def test_an_old_model_goes_as_soon_as_no_request_holds_it(stage: Stage) -> None:
    stage.swapper.offer(stage.mlflow.train(1))
    settle_memory()
    old = weakref.ref(stage.holder.get_serving().scorer)
    gc.disable()
    try:
        stage.swapper.offer(stage.mlflow.train(2))

        assert old() is None
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_rollback_is_a_new_promotion_of_an_old_version_and_needs_no_download(stage: Stage) -> None:
    first = stage.mlflow.train(1, seq=1)
    stage.swapper.offer(first)
    stage.swapper.offer(stage.mlflow.train(2, seq=2))
    stage.mlflow.away = True

    stage.swapper.offer(first.model_copy(update={"promotion_seq": 3}))

    assert stage.version == 1
    assert stage.holder.get_serving().model.promotion_seq == 3


def test_the_graph_of_the_promotions_precision_serves(stage: Stage) -> None:
    stage.swapper.offer(in_int8(stage.mlflow.train(50)))

    assert stage.base == 0.499


def test_another_precision_of_the_same_version_is_news_and_may_return_without_a_download(
    stage: Stage,
) -> None:
    model = stage.mlflow.train(50)
    stage.swapper.offer(model)

    stage.swapper.offer(in_int8(model, seq=51))
    in_between = stage.base
    stage.mlflow.away = True
    stage.swapper.offer(model.model_copy(update={"promotion_seq": 52}))

    assert (in_between, stage.base) == (0.499, 0.5)
    assert stage.announced == 3


def test_a_graph_that_cannot_serve_does_not_cost_the_one_that_can(stage: Stage, tmp_path: Path) -> None:
    directory = stage.mlflow.directory / "50"
    stage.mlflow.train(50)
    (directory / "model.int8.onnx").write_text("{}")
    model = a_promotion(50, sha256=write_manifest(directory))
    stage.swapper.offer(model)

    stage.swapper.offer(in_int8(model, seq=51))
    refused = stage.holder.refused
    stage.restart(tmp_path)
    stage.swapper.restore()

    assert refused is not None
    assert refused.promotion_seq == 51
    assert stage.base == 0.5


@pytest.mark.parametrize("damage", ["flipped", "missing", "pickle", "digest", "sample", "gone"])
def test_a_damaged_artefact_is_refused_and_the_old_model_serves_on(stage: Stage, damage: str) -> None:
    stage.swapper.offer(stage.mlflow.train(1))
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

    stage.swapper.offer(bad)

    assert stage.version == 1
    assert stage.announced == 1
    assert stage.holder.refused is not None
    assert stage.holder.refused.version == 2
    assert "\n" not in stage.holder.refused.reason


def test_after_a_refusal_the_next_good_promotion_serves(stage: Stage) -> None:
    bad = stage.mlflow.train(1).model_copy(update={"artifact_sha256": "0" * 64})
    stage.swapper.offer(bad)
    assert stage.version is None

    stage.swapper.offer(stage.mlflow.train(2))

    assert stage.version == 2
    assert stage.holder.refused is None


def test_with_mlflow_away_the_old_model_serves_on(stage: Stage) -> None:
    stage.swapper.offer(stage.mlflow.train(1))
    second = stage.mlflow.train(2)
    stage.mlflow.away = True

    with pytest.raises(RegistryUnavailable):
        stage.swapper.offer(second)

    assert stage.version == 1
    assert stage.holder.refused is None


def test_a_lower_number_that_postgres_names_serves(stage: Stage) -> None:
    stage.swapper.offer(stage.mlflow.train(2, seq=1000))

    stage.swapper.offer(stage.mlflow.train(1, seq=1))

    assert stage.version == 1


def test_a_refusal_is_forgotten_once_the_champion_is_known_to_serve(stage: Stage) -> None:
    real = stage.mlflow.train(1, seq=1)
    stage.swapper.offer(real)
    stage.holder.refused = Refusal(7, 77, "no such artefact", NOON)

    stage.swapper.offer(real)

    assert stage.holder.refused is None


def test_replies_during_fifty_swaps_never_mix_versions(stage: Stage, world: FakeGateway) -> None:
    world.holder = stage.holder
    promotions = [stage.mlflow.train(version) for version in range(1, 51)]
    stage.swapper.offer(promotions[0])
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
                stage.swapper.offer(promotion)
                swapped.wait(0.02)
        finally:
            swapped.set()
        replies = [reply for asker in askers for reply in asker.result()]

    assert len({version for version, _ in replies}) > 5
    assert all(said == {version} for version, said in replies)
