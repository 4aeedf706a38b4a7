"""Whatever is wrong with a promoted artefact, a running gateway refuses it, says so, and serves on."""

from __future__ import annotations

import re
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from viral_common.artefact.files import SIGNATURE, Artefact, write_manifest
from viral_common.delivery.service import Service
from viral_common.settings import CommonSettings

from tests.damage import (
    list_a_pickle,
    lose_a_tensor,
    raise_the_opset,
    spoil_a_word_that_the_sample_has_not,
    spoil_weights,
)
from tests.integration.gateway.processes import GatewayProcess, Promoter, soon

DAMAGES: dict[Callable[[Path], None], str] = {
    spoil_weights: "no number among the weights",
    spoil_a_word_that_the_sample_has_not: "no number among the weights",
    lose_a_tensor: "onnxruntime refuses it",
    raise_the_opset: "onnxruntime refuses it",
    list_a_pickle: "head.pkl has a format that could run code",
}


@pytest.fixture
def gateway(settings: CommonSettings, tmp_path: Path) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(settings, tmp_path / "gateway.log")
    yield gateway
    gateway.stop()


def test_it_is_refused_counted_and_shown_while_the_old_model_serves_on(
    gateway: GatewayProcess, settings: CommonSettings, tmp_path: Path
) -> None:
    with Service("evaluator", settings) as service:
        service.start()
        promoter = Promoter(service, settings, tmp_path / "made")
        good, artefact = promoter.register(bias=0.25)
        promoter.promote(good)
        soon(lambda: gateway.version() == good.model_version)

        for number, (damage, reason) in enumerate(DAMAGES.items(), 1):
            bad = promoter.register_made(make_damaged(artefact, damage, tmp_path / damage.__name__))
            seq = promoter.promote(bad)
            soon(partial(has_refused, gateway, seq))

            ready = gateway.ready()
            assert ready.status_code == 200
            assert reason in ready.json()["refused"]["reason"]
            assert refusals(gateway) == number
            for path in ("/", "/pipeline"):
                assert f"Version {good.model_version} serves on." in gateway.http.get(path).text
            reply = gateway.http.post("/v1/predictions", json={"tweets": [{"text": "hi"}]})
            assert reply.json()["model"]["version"] == good.model_version


def make_damaged(artefact: Artefact, damage: Callable[[Path], None], directory: Path) -> Artefact:
    """Make a copy of it, spoilt, whose manifest agrees."""
    copy = shutil.copytree(artefact.directory, directory / "artefact")
    (copy / SIGNATURE).unlink()
    damage(copy)
    return replace(artefact, directory=copy, sha256=write_manifest(copy))


def has_refused(gateway: GatewayProcess, promotion_seq: int) -> bool:
    refused = gateway.ready().json()["refused"]
    return refused is not None and refused["promotion_seq"] == promotion_seq


def refusals(gateway: GatewayProcess) -> float:
    counted = re.search(
        r"^viral_gateway_refused_artefacts_total (\S+)", gateway.http.get("/metrics").text, re.M
    )
    assert counted
    return float(counted[1])
