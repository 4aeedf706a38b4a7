"""The whole story is backed up while it is asked, lost, and restored: the same champion, probabilities and pages."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.e2e.archives import small_archive
from tests.e2e.demo_stack import DemoStack
from tests.eventually import eventually

TWEETS = [{"text": f"Our release number {number} is out: what should we build next?"} for number in range(50)]
pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[DemoStack]:
    archive = small_archive(tmp_path, 6_000)
    kept = {name: value for name, value in os.environ.items() if not name.startswith("VIRAL_")}
    settings = {
        "VIRAL_DATA_DIR": str(tmp_path / "data"),
        "VIRAL_SOURCE": "archive",
        "VIRAL_ARCHIVE_PATHS": str(archive),
        "VIRAL_BATCH_SIZE": "3000",
        "COLUMNS": "200",
    }
    stack = DemoStack(tmp_path, kept | settings, archive, "")
    try:
        yield replace(stack, printed=stack.run("viral", "demo"))
    finally:
        stack.run("viral", "down", "--purge")


def predict(demo: DemoStack) -> list[float]:
    reply = httpx.post(demo.stack["gateway_url"] + "/v1/predictions", json={"tweets": TWEETS}, timeout=60)
    return [one["probability"] for one in reply.raise_for_status().json()["predictions"]]


def read_pages(demo: DemoStack) -> dict[str, Any]:
    """What the gateway says, without addresses, whose ports may be others after a loss, and what was done by hand."""
    pages = {path: demo.get(path) for path in ("/v1/model", "/v1/models", "/v1/batches")}
    page = httpx.get(demo.stack["gateway_url"] + "/pipeline", timeout=20).raise_for_status().text
    pages["/pipeline"] = re.sub(r'<h2 id="audit">.*?</table>', "", page, flags=re.DOTALL)
    return {name: re.sub(r"127\.0\.0\.1:\d+", "", str(said)) for name, said in pages.items()}


def test_a_story_that_was_lost_is_told_again(demo: DemoStack) -> None:
    folder, refused, stop = demo.folder / "backup", [], threading.Event()

    def keep_asking() -> None:
        while not stop.is_set():
            try:
                predict(demo)
            except httpx.HTTPError as error:
                refused.append(error)

    asking = threading.Thread(target=keep_asking)
    asking.start()
    said = demo.run("viral", "backup", str(folder))
    stop.set()
    asking.join()
    before, probabilities = read_pages(demo), predict(demo)

    demo.run("viral", "down", "--purge")
    restored = demo.run("viral", "restore", str(folder))
    demo.run("viral", "up")
    eventually(lambda: demo.type("viral", "status").returncode == 0, within_s=90)

    assert refused == []
    assert predict(demo) == probabilities
    after = read_pages(demo)
    assert {path for path in after if after[path] != before[path]} == set()
    assert re.search(r"backup: [\d.,]+ MB, \d+ files, [\d.]+ s", said)
    assert "next: `viral up`" in restored
    assert "restore backup" in demo.run("viral", "audit", "list")
