"""While no model serves, every reply says what keeps the promoted one from it."""

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
from tests.unit.gateway.swapper_harness import SwapperHarness

MLFLOW_AWAY = "version 3 is promoted, but MLflow does not answer"


def test_while_none_serves_it_is_known_what_keeps_the_promoted_one(harness: SwapperHarness) -> None:
    first = harness.mlflow.train(1)
    untouched = harness.holder.missing
    harness.mlflow.away = True
    with pytest.raises(RegistryUnavailable):
        harness.swapper.offer(first)
    unfetched = harness.holder.missing
    harness.mlflow.away = False
    harness.swapper.offer(first.model_copy(update={"artifact_sha256": "0" * 64}))
    refused = harness.holder.missing

    harness.swapper.offer(first)

    assert untouched == "no model has been promoted yet"
    assert unfetched == "version 1 is promoted, but MLflow does not answer"
    assert refused.startswith("version 1 was refused: ")
    assert "announced was" in refused
    assert harness.holder.obstacle is None


def test_a_disk_without_room_is_named_too(harness: SwapperHarness, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryDirectory", full)

    with pytest.raises(CacheUnwritable):
        harness.swapper.offer(harness.mlflow.train(1))

    assert harness.holder.missing == "version 1 is promoted, but the disk takes no artefact"


def test_nothing_is_said_of_promotions_while_nobody_can_know_them(harness: SwapperHarness) -> None:
    records = FakeRecords()
    reconciler = Reconciler(harness.swapper, records.read_champion, every_s=60)
    records.away = True
    with pytest.raises(ServerAway):
        reconciler.reconcile()
    while_away = harness.holder.missing

    records.away = False
    reconciler.reconcile()

    assert while_away == "Postgres, which knows what is promoted, does not answer"
    assert harness.holder.missing == "no model has been promoted yet"


def test_without_a_model_it_says_what_keeps_the_promoted_one(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.holder.obstacle = MLFLOW_AWAY

    ready, refusal = client.get("/health/ready"), client.get("/v1/model")

    assert ready.json()["missing"] == [MLFLOW_AWAY]
    assert refusal.status_code == 503
    assert refusal.json()["detail"] == "Version 3 is promoted, but MLflow does not answer."


def test_a_model_that_is_promoted_and_cannot_be_had_is_not_called_the_first(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.holder.obstacle = MLFLOW_AWAY

    page, refusal = client.get("/").text, client.post("/", data={"text": "keep me"}).text

    assert "<h1>No model serves yet</h1>" in page
    for shown in (page, refusal, client.get("/pipeline").text):
        assert "Version 3 is promoted, but MLflow does not answer." in shown
    assert "first model" not in page
    assert "has been promoted yet" not in refusal
