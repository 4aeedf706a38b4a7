"""Two workers on one port: all swap under load with nothing dropped or mixed, a dead one is replaced, all stop."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import pytest
from viral_common.artefact.predictor import Predictor
from viral_common.settings import CommonSettings
from viral_common.tweets.features import TweetInput

from tests.integration.gateway.processes import GatewayProcess, Promoter, list_workers, read_metric, soon

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXTS = ["hello", "a longer tweet with #tags and https://example.org", "🎉 @you", "word " * 30]
SWAPS = 5


@pytest.fixture
def gateway(settings: CommonSettings, tmp_path: Path) -> Iterator[GatewayProcess]:
    gateway = GatewayProcess(settings, tmp_path / "gateway.log", VIRAL_GATEWAY_WORKERS="2")
    yield gateway
    gateway.kill()


def serves(gateway: GatewayProcess, version: int) -> bool:
    """Say whether every worker does."""
    return read_metric(gateway, "viral_gateway_model_version") == version


def test_two_workers_swap_under_load_and_a_dead_one_is_replaced(
    gateway: GatewayProcess, promoter: Promoter
) -> None:
    made = [promoter.register(bias=float(bias)) for bias in range(SWAPS + 1)]
    inputs = [TweetInput(text, NOON) for text in TEXTS]
    expected = {
        version.model_version: Predictor.load(artefact, threads=1).predict(inputs)
        for version, artefact in made
    }
    promoter.promote(made[0][0])
    soon(partial(serves, gateway, made[0][0].model_version))

    enough = threading.Event()
    with ThreadPoolExecutor(4) as pool:
        askers = [pool.submit(ask, gateway, enough) for _ in range(4)]
        try:
            for registered, _ in made[1:]:
                promoter.promote(registered)
                soon(partial(serves, gateway, registered.model_version))
        finally:
            enough.set()
        replies = [reply for asker in askers for reply in asker.result()]

    assert {status for status, _, _ in replies} == {200}
    assert all(np.abs(answered - expected[version]).max() < 1e-6 for _, version, answered in replies)
    assert len({version for _, version, _ in replies}) > SWAPS // 2
    assert read_metric(gateway, "viral_gateway_swaps_total") == 2 * (SWAPS + 1)

    victim = list_workers(gateway)[0]
    victim.kill()
    soon(lambda: len(list_workers(gateway)) == 2 and victim not in list_workers(gateway))
    soon(partial(serves, gateway, made[-1][0].model_version))

    left = list_workers(gateway)
    assert gateway.stop() == 0
    assert not any(worker.is_running() for worker in left)


def test_workers_end_when_their_parent_is_killed(gateway: GatewayProcess) -> None:
    soon(lambda: len(list_workers(gateway)) == 2)
    left = list_workers(gateway)

    os.kill(gateway.process.pid, signal.SIGKILL)
    gateway.process.wait()

    soon(lambda: not any(worker.is_running() for worker in left))


def ask(
    gateway: GatewayProcess, enough: threading.Event
) -> list[tuple[int, int, np.ndarray[tuple[int], np.dtype[np.float64]]]]:
    """(status, version, probabilities) of calls of all TEXTS, twenty a second, each over a connection of its own."""
    tweets = [{"text": text, "created_at": NOON.isoformat()} for text in TEXTS]
    replies = []
    while not enough.is_set():
        reply = httpx.post(f"http://127.0.0.1:{gateway.port}/v1/predictions", json={"tweets": tweets})
        body = reply.json()
        probabilities = np.array([prediction["probability"] for prediction in body["predictions"]])
        replies.append((reply.status_code, int(body["model"]["version"]), probabilities))
        time.sleep(0.05)
    return replies
