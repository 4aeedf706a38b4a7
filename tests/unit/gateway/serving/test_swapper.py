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

from tests.unit.gateway.fakes import NOON, FakeGateway, make_champion
from tests.unit.gateway.swapper_harness import SwapperHarness, in_int8


def test_a_promotion_is_fetched_and_serves(harness: SwapperHarness) -> None:
    harness.swapper.offer(harness.mlflow.train(1))

    assert harness.version == 1
    assert harness.announced == 1


def test_a_repeated_promotion_is_ignored(harness: SwapperHarness) -> None:
    model = harness.mlflow.train(2)
    harness.swapper.offer(model)

    harness.swapper.offer(model)

    assert harness.version == 2
    assert harness.mlflow.downloads == 1
    assert harness.announced == 1


def test_an_old_model_goes_as_soon_as_no_request_holds_it(harness: SwapperHarness) -> None:
    harness.swapper.offer(harness.mlflow.train(1))
    settle_memory()
    old = weakref.ref(harness.holder.get_serving().scorer)
    gc.disable()
    try:
        harness.swapper.offer(harness.mlflow.train(2))

        assert old() is None
    finally:
        gc.enable()
        gc.unfreeze()


def test_a_rollback_is_a_new_promotion_of_an_old_version_and_needs_no_download(
    harness: SwapperHarness,
) -> None:
    first = harness.mlflow.train(1, seq=1)
    harness.swapper.offer(first)
    harness.swapper.offer(harness.mlflow.train(2, seq=2))
    harness.mlflow.away = True

    harness.swapper.offer(first.model_copy(update={"promotion_seq": 3}))

    assert harness.version == 1
    assert harness.holder.get_serving().model.promotion_seq == 3


def test_the_graph_of_the_promotions_precision_serves(harness: SwapperHarness) -> None:
    harness.swapper.offer(in_int8(harness.mlflow.train(50)))

    assert harness.base == 0.499


def test_another_precision_of_the_same_version_is_news_and_may_return_without_a_download(
    harness: SwapperHarness,
) -> None:
    model = harness.mlflow.train(50)
    harness.swapper.offer(model)

    harness.swapper.offer(in_int8(model, seq=51))
    in_between = harness.base
    harness.mlflow.away = True
    harness.swapper.offer(model.model_copy(update={"promotion_seq": 52}))

    assert (in_between, harness.base) == (0.499, 0.5)
    assert harness.announced == 3


def test_a_graph_that_cannot_serve_does_not_cost_the_one_that_can(
    harness: SwapperHarness, tmp_path: Path
) -> None:
    directory = harness.mlflow.directory / "50"
    harness.mlflow.train(50)
    (directory / "model.int8.onnx").write_text("{}")
    model = make_champion(50, sha256=write_manifest(directory))
    harness.swapper.offer(model)

    harness.swapper.offer(in_int8(model, seq=51))
    refused = harness.holder.refused
    harness.restart(tmp_path)
    harness.swapper.restore()

    assert refused is not None
    assert refused.promotion_seq == 51
    assert harness.base == 0.5


@pytest.mark.parametrize("damage", ["flipped", "missing", "pickle", "digest", "sample", "gone"])
def test_a_damaged_artefact_is_refused_and_the_old_model_serves_on(
    harness: SwapperHarness, damage: str
) -> None:
    harness.swapper.offer(harness.mlflow.train(1))
    bad = harness.mlflow.train(2)
    directory = harness.mlflow.directory / "2"
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

    harness.swapper.offer(bad)

    assert harness.version == 1
    assert harness.announced == 1
    assert harness.holder.refused is not None
    assert harness.holder.refused.version == 2
    assert "\n" not in harness.holder.refused.reason


def test_after_a_refusal_the_next_good_promotion_serves(harness: SwapperHarness) -> None:
    bad = harness.mlflow.train(1).model_copy(update={"artifact_sha256": "0" * 64})
    harness.swapper.offer(bad)
    assert harness.version is None

    harness.swapper.offer(harness.mlflow.train(2))

    assert harness.version == 2
    assert harness.holder.refused is None


def test_with_mlflow_away_the_old_model_serves_on(harness: SwapperHarness) -> None:
    harness.swapper.offer(harness.mlflow.train(1))
    second = harness.mlflow.train(2)
    harness.mlflow.away = True

    with pytest.raises(RegistryUnavailable):
        harness.swapper.offer(second)

    assert harness.version == 1
    assert harness.holder.refused is None


def test_a_lower_number_that_postgres_names_serves(harness: SwapperHarness) -> None:
    harness.swapper.offer(harness.mlflow.train(2, seq=1000))

    harness.swapper.offer(harness.mlflow.train(1, seq=1))

    assert harness.version == 1


def test_a_refusal_is_forgotten_once_the_champion_is_known_to_serve(harness: SwapperHarness) -> None:
    real = harness.mlflow.train(1, seq=1)
    harness.swapper.offer(real)
    harness.holder.refused = Refusal(7, 77, "no such artefact", NOON)

    harness.swapper.offer(real)

    assert harness.holder.refused is None


def test_replies_during_fifty_swaps_never_mix_versions(
    harness: SwapperHarness, fake_gateway: FakeGateway
) -> None:
    fake_gateway.holder = harness.holder
    promotions = [harness.mlflow.train(version) for version in range(1, 51)]
    harness.swapper.offer(promotions[0])
    swapped = threading.Event()

    def ask(client: TestClient) -> Iterator[tuple[int, set[int]]]:
        while not swapped.is_set():
            reply = client.post("/v1/predictions", json={"tweets": [{"text": "x"}] * 8, "explain": True})
            assert reply.status_code == 200
            answered = {round(100 * p["probability"]) for p in reply.json()["predictions"]}
            yield reply.json()["model"]["version"], answered

    with TestClient(create_app(fake_gateway.build())) as client, ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(lambda: list(ask(client))) for _ in range(4)]
        try:
            for promotion in promotions[1:]:
                harness.swapper.offer(promotion)
                swapped.wait(0.02)
        finally:
            swapped.set()
        replies = [reply for asker in askers for reply in asker.result()]

    assert len({version for version, _ in replies}) > 5
    assert all(answered == {version} for version, answered in replies)
