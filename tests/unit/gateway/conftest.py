"""Run the application over a fake gateway."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway
from tests.unit.gateway.swapper_harness import SwapperHarness


@pytest.fixture
def fake_gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def client(fake_gateway: FakeGateway) -> Iterator[TestClient]:
    """Talks to the application; a bug in it becomes the reply that a caller would get."""
    with TestClient(create_app(fake_gateway.build()), raise_server_exceptions=False) as client:
        yield client


@pytest.fixture
def harness(tmp_path: Path) -> SwapperHarness:
    return SwapperHarness(tmp_path)
