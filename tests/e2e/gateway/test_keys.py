"""Where the gateway asks for a key, the browser asks its person once, and then all of the page works."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.gateway.conftest import Open, listening
from tests.unit.gateway.fakes import FakeGateway


@pytest.fixture
def fake_gateway() -> FakeGateway:
    """One that asks for a key."""
    return FakeGateway(settings={"api_keys": "some-key-of-twenty-letters"})


@pytest.fixture
def address(fake_gateway: FakeGateway) -> Iterator[str]:
    with listening(fake_gateway) as address:
        yield address


@pytest.mark.parametrize("javascript", [True, False])
def test_a_key_typed_as_password_opens_the_page_its_scripts_and_its_stream(
    fake_gateway: FakeGateway, open_page: Open, javascript: bool
) -> None:
    fake_gateway.serve()

    page = open_page(
        http_credentials={"username": "anybody", "password": "some-key-of-twenty-letters"},
        java_script_enabled=javascript,
    )

    assert page.locator("textarea").count() == 1
    if javascript:
        status = page.evaluate("""async () => (await fetch('/v1/model')).status""")
        opened = page.evaluate(
            """() => new Promise((done) => {
                const stream = new EventSource('/v1/events');
                stream.onopen = () => { stream.close(); done(true); };
                stream.onerror = () => { stream.close(); done(false); };
            })"""
        )
        assert (status, opened) == (200, True)
