"""While none serves, it is told what keeps the promoted one from it, wherever somebody asks."""

from __future__ import annotations

import errno
import tempfile
from typing import Any

import pytest
from starlette.testclient import TestClient
from viral_common.errors import RegistryUnavailable, ServerAway
from viral_gateway.serving.artefact_cache import CacheUnwritable
from viral_gateway.serving.reconciler import Reconciler

from tests.unit.gateway.fakes import FakeGateway, FakeRecords
from tests.unit.gateway.stage import Stage

MLFLOW_AWAY = "version 3 is promoted, but MLflow does not answer"


def test_while_none_serves_it_is_known_what_keeps_the_promoted_one(stage: Stage) -> None:
    first = stage.mlflow.train(1)
    untouched = stage.holder.missing
    stage.mlflow.away = True
    with pytest.raises(RegistryUnavailable):
        stage.swapper.offer(first)
    unfetched = stage.holder.missing
    stage.mlflow.away = False
    stage.swapper.offer(first.model_copy(update={"artifact_sha256": "0" * 64}))
    refused = stage.holder.missing

    stage.swapper.offer(first)

    assert untouched == "no model has been promoted yet"
    assert unfetched == "version 1 is promoted, but MLflow does not answer"
    assert refused.startswith("version 1 was refused: ")
    assert "announced was" in refused
    assert stage.holder.obstacle is None


def test_a_disk_without_room_is_told_too(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)

    with pytest.raises(CacheUnwritable):
        stage.swapper.offer(stage.mlflow.train(1))

    assert stage.holder.missing == "version 1 is promoted, but the disk takes no artefact"


def test_nothing_is_said_of_promotions_while_nobody_can_know_them(stage: Stage) -> None:
    records = FakeRecords()
    reconciler = Reconciler(stage.swapper, records.champion, every_s=60)
    records.away = True
    with pytest.raises(ServerAway):
        reconciler.reconcile()
    while_away = stage.holder.missing

    records.away = False
    reconciler.reconcile()

    assert while_away == "Postgres, which knows what is promoted, does not answer"
    assert stage.holder.missing == "no model has been promoted yet"


def test_without_a_model_it_says_what_keeps_the_promoted_one(client: TestClient, world: FakeGateway) -> None:
    world.holder.obstacle = MLFLOW_AWAY

    ready, refusal = client.get("/health/ready"), client.get("/v1/model")

    assert ready.json()["missing"] == [MLFLOW_AWAY]
    assert refusal.status_code == 503
    assert refusal.json()["detail"] == "Version 3 is promoted, but MLflow does not answer."


def test_a_model_that_is_promoted_and_cannot_be_had_is_not_called_the_first(
    client: TestClient, world: FakeGateway
) -> None:
    world.holder.obstacle = MLFLOW_AWAY

    page, refusal = client.get("/").text, client.post("/", data={"text": "keep me"}).text

    assert "<h1>No model serves yet</h1>" in page
    for shown in (page, refusal, client.get("/pipeline").text):
        assert "Version 3 is promoted, but MLflow does not answer." in shown
    assert "first model" not in page
    assert "has been promoted yet" not in refusal
