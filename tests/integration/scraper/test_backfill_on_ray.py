"""Test a backfill that a Ray cluster reads: one node, on this machine.

Ray gives up a node that needs more than 30 s to start, as it does beside other tests: hence the long ones.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from viral_common.database.engine import Sessions
from viral_common.settings import CommonSettings

from tests.eventually import eventually
from tests.integration.gateway.processes import free_port
from tests.integration.scraper.collecting import read_outcome
from tests.integration.scraper.test_backfill import Backfill, collect_in_one_process

RAY = Path(sys.executable).with_name("ray")
TOKEN = "k" * 40


@contextmanager
def ray_node(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """Start a node of two cores, which asks for a token; it ends with the block."""
    port, log = free_port(), folder / "ray.log"
    environment = {**os.environ, "HOME": str(folder), "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": TOKEN}
    with TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as temporary, log.open("wb") as output:
        command = [
            *(str(RAY), "start", "--head", "--block", "--disable-usage-stats", "--node-ip-address=127.0.0.1"),
            *(
                f"--port={port}",
                "--num-cpus=2",
                "--object-store-memory=100000000",
                "--include-dashboard=false",
            ),
            *("--min-worker-port=0", "--max-worker-port=0", f"--temp-dir={temporary}"),
        ]
        with subprocess.Popen(
            command, env=environment, stdout=output, stderr=output, start_new_session=True
        ) as node:
            try:
                eventually(lambda: "Ray runtime started" in log.read_text(), within_s=120)
                yield f"127.0.0.1:{port}", node
            finally:
                kill(node)


def kill(node: subprocess.Popen[bytes]) -> None:
    """Kill a node with all its programs, as a power cut does."""
    found = [node.pid]
    for parent in found:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            found += map(int, children.read_text().split())
    for pid in found:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:  # it ended meanwhile
            continue


@pytest.fixture
def backfill(settings: CommonSettings, tmp_path: Path) -> Backfill:
    return Backfill(settings, tmp_path)


@pytest.mark.long
def test_a_cluster_makes_the_same_batches_as_one_process(
    db: Sessions, backfill: Backfill, tmp_path: Path
) -> None:
    expected = collect_in_one_process(db, backfill, tmp_path)

    with ray_node(tmp_path) as (address, _):
        backfill.environment |= {"VIRAL_RAY_ADDRESS": address, "VIRAL_RAY_TOKEN": TOKEN}
        status, _, errors = backfill.run()

    assert (status, read_outcome(db)) == (0, expected), errors


@pytest.mark.long
def test_a_cluster_that_is_lost_is_one_line_and_what_it_read_is_kept(
    db: Sessions, backfill: Backfill, tmp_path: Path
) -> None:
    expected = collect_in_one_process(db, backfill, tmp_path)
    fifo = tmp_path / "endless.jsonl"
    os.mkfifo(fifo)  # whoever reads it waits for us
    files, backfill.files = backfill.files, [*backfill.files, str(fifo)]

    with ray_node(tmp_path) as (address, node):
        backfill.environment |= {"VIRAL_RAY_ADDRESS": address, "VIRAL_RAY_TOKEN": TOKEN}
        with backfill.start() as process:
            eventually(lambda: len(list(backfill.data.glob("scraper/archive/*/file?"))) == 4, within_s=60)
            kill(node)
            _, errors = process.communicate(timeout=120)

    assert process.returncode == 1
    assert "the Ray cluster " in errors.strip().splitlines()[-1]
    assert "Traceback" not in errors
    backfill.environment["VIRAL_RAY_ADDRESS"] = ""
    backfill.files = files
    assert backfill.run("--processes", "1")[0] == 0
    assert read_outcome(db) == expected


def test_an_address_where_no_cluster_is_is_one_line(backfill: Backfill) -> None:
    backfill.environment["VIRAL_RAY_ADDRESS"] = "127.0.0.1:1"

    status, _, errors = backfill.run()

    assert status == 1
    assert errors.startswith("error: the head of the Ray cluster at 127.0.0.1:1 does not answer ")
    assert errors.count("\n") == 1
