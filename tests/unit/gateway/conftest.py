"""The application over a fake world."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway
from tests.unit.gateway.stage import Stage


@pytest.fixture
def world() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def client(world: FakeGateway) -> Iterator[TestClient]:
    """Talks to the application; a bug in it becomes the reply that a caller would get."""
    with TestClient(create_app(world.gateway()), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)
