"""A headless Chromium and a gateway over a made-up model, on a real socket; both are started once."""

from __future__ import annotations

import re
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, expect, sync_playwright
from viral_gateway.app import create_app

from tests.eventually import eventually
from tests.unit.gateway.fakes import FakeGateway, FakeRecords

ARGUMENTS = [
    "--no-sandbox",  # tests may run as root
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
Open = Callable[..., Page]
# Playwright waits 5 s, which is little where other tests share the cores.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Debian's Chromium. Not for the whole session: Playwright's event loop would be in other tests' way."""
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="package")
def shared_gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
def fake_gateway(shared_gateway: FakeGateway) -> FakeGateway:
    """As it was in the beginning: no model, no batches."""
    vars(shared_gateway.records).update(vars(FakeRecords()))
    shared_gateway.holder.current = shared_gateway.holder.refused = None
    return shared_gateway


@contextmanager
def listening(fake_gateway: FakeGateway) -> Iterator[str]:
    """A gateway on a free port of loopback."""
    server = uvicorn.Server(
        uvicorn.Config(
            create_app(fake_gateway.build()),
            port=0,
            log_level="warning",
            timeout_graceful_shutdown=1,
            lifespan="off",
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        eventually(lambda: server.started)
        fake_gateway.announcements.attach(server.servers[0].get_loop())
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


@pytest.fixture(scope="package")
def address(shared_gateway: FakeGateway) -> Iterator[str]:
    with listening(shared_gateway) as address:
        yield address


@pytest.fixture
def open_page(browser: Browser, address: str) -> Iterator[Open]:
    """Open a path with any of Playwright's context options. At the end: nothing foreign asked for, no error shown."""
    pages, asked, complaints = [], [], []

    def opened(path: str = "/", **options: object) -> Page:
        page = browser.new_context(**options).new_page()  # type: ignore[arg-type]
        page.on("request", lambda request: asked.append(request.url))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
        pages.append(page)
        page.goto(address + path)
        return page

    yield opened
    for page in pages:
        page.context.close()
    assert [url for url in asked if not url.startswith((address, "data:"))] == []
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def predict(page: Page, text: str) -> None:
    """Type it and wait for the answer."""
    page.get_by_label("Your tweet").fill(text)
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".weighed")).to_have_text(re.sub(r"\s+", " ", text))
