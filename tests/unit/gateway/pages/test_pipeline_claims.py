"""The pipeline page claims nothing that it cannot know."""

from __future__ import annotations

import re

import numpy as np
import pytest
from starlette.testclient import TestClient
from viral_common.stores.trail import BatchTrail
from viral_common.tweets.features import TweetInput, compute_feature_matrix
from viral_gateway.app import create_app
from viral_gateway.stores.predictions import Remembered

from tests.unit.gateway.fakes import NOON, FakeGateway
from tests.unit.gateway.story import make_trails


def test_without_postgres_nothing_is_said_of_what_it_remembers(
    client: TestClient, world: FakeGateway
) -> None:
    world.serve(version=3)
    world.records.away = True
    world.settings["log_predictions"] = True

    with TestClient(create_app(world.gateway())) as remembering:
        pages = [remembering.get("/pipeline").text, client.get("/pipeline?page=2").text]

    for page in pages:
        assert "What is remembered of it cannot be read now" in page
        assert not re.search(r"remembered yet|not remembered|registered yet|so far back", page)


def test_versions_of_older_batches_are_not_called_unregistered(
    client: TestClient, world: FakeGateway
) -> None:
    world.records.trails = make_trails(40)

    assert "registered yet" not in client.get("/pipeline?page=99").text


def test_a_swap_while_postgres_is_asked_does_not_mix_two_versions(
    client: TestClient, world: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serve(version=3)
    world.records.live = Remembered(
        3, NOON, NOON, compute_feature_matrix([TweetInput("hi", NOON)] * 3), np.full(3, 0.5)
    )
    read = world.records.batches
    asked: list[int] = []

    def swapping(limit: int, offset: int = 0) -> list[BatchTrail]:
        world.serve(version=4)
        return read(limit, offset)

    def remembered(model_version: int, newest: int) -> Remembered | None:
        asked.append(model_version)
        return world.records.live

    monkeypatch.setattr(world.records, "batches", swapping)
    monkeypatch.setattr(world.records, "remembered", remembered)

    page = client.get("/pipeline").text

    assert asked == [3]
    assert "3 predictions of version 3 are remembered" in page
