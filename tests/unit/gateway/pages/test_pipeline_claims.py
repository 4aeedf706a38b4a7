"""The pipeline page claims nothing that it cannot know."""

from __future__ import annotations

import numpy as np
import pytest
from starlette.testclient import TestClient
from viral_common.stores.trail import BatchTrail
from viral_common.tweets.features import TweetInput, compute_feature_matrix
from viral_gateway.app import create_app
from viral_gateway.stores.predictions import RecentPredictions

from tests.unit.gateway.fakes import NOON, FakeGateway
from tests.unit.gateway.trails import make_trails


def test_without_postgres_nothing_is_said_of_what_it_remembers(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.records.away = True
    fake_gateway.settings["log_predictions"] = True

    with TestClient(create_app(fake_gateway.build())) as remembering:
        pages = [remembering.get("/pipeline").text, client.get("/pipeline?page=2").text]

    for page in pages:
        assert "What is remembered of it cannot be read now" in page
        for claim in ("remembered yet", "not remembered", "registered yet", "so far back"):
            assert claim not in page


def test_versions_of_older_batches_are_not_called_unregistered(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.records.trails = make_trails(40)

    assert "registered yet" not in client.get("/pipeline?page=99").text


def test_a_swap_while_postgres_is_asked_does_not_mix_two_versions(
    client: TestClient, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.records.live = RecentPredictions(
        3, NOON, NOON, compute_feature_matrix([TweetInput("hi", NOON)] * 3), np.full(3, 0.5)
    )
    read = fake_gateway.records.read_batches
    asked: list[int] = []

    def swapping(limit: int, offset: int = 0) -> list[BatchTrail]:
        fake_gateway.serve(version=4)
        return read(limit, offset)

    def read_recent(model_version: int, newest: int) -> RecentPredictions | None:
        asked.append(model_version)
        return fake_gateway.records.live

    monkeypatch.setattr(fake_gateway.records, "read_batches", swapping)
    monkeypatch.setattr(fake_gateway.records, "read_recent_predictions", read_recent)

    page = client.get("/pipeline").text

    assert asked == [3]
    assert "3 predictions of version 3 are remembered" in page
