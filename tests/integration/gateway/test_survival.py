"""Callers are answered while Postgres is silent, while a worker is killed, and while the gateway is started anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil
import pytest
import structlog
from viral_common.settings import CommonSettings

from tests.integration.gateway.load import under_load, wait_for_more
from tests.integration.gateway.processes import (
    GatewayProcess,
    Promoter,
    free_port,
    list_workers,
    read_metric,
    soon,
)
from tests.integration.gateway.silent_proxy import SilentProxy

log = structlog.get_logger()

Start = Callable[..., GatewayProcess]


@pytest.fixture
def start(settings: CommonSettings, tmp_path: Path, promoter: Promoter) -> Iterator[Start]:
    """Start gateways that serve a model."""
    registered, _ = promoter.register(bias=0.5)
    promoter.promote(registered)
    gateways: list[GatewayProcess] = []

    def started(**overrides: str) -> GatewayProcess:
        gateways.append(GatewayProcess(settings, tmp_path / "gateway.log", **overrides))
        soon(lambda: gateways[-1].ready().status_code == 200)
        return gateways[-1]

    yield started
    for gateway in gateways:
        gateway.kill()


def count_authors(gateway: GatewayProcess, answered_by: str) -> float:
    return read_metric(gateway, f'viral_gateway_author_lookups_total{{answered_by="{answered_by}"}}')


def test_while_postgres_is_silent_every_prediction_is_answered_in_time(
    start: Start, settings: CommonSettings
) -> None:
    address = urlsplit(settings.database_url.get_secret_value())
    with SilentProxy(address.hostname or "", address.port or 5432) as proxy:
        place = f"{address.netloc.rpartition('@')[0]}@127.0.0.1:{proxy.port}"
        gateway = start(VIRAL_DATABASE_URL=address._replace(netloc=place).geturl())
        with under_load(gateway.port, callers=8, named=True) as load:
            wait_for_more(load, 200)
            assert count_authors(gateway, "postgres") > 100
            assert count_authors(gateway, "nobody") == 0

            proxy.silence()
            silent_since = time.monotonic()
            paths = ["/pipeline", "/v1/batches", "/v1/models"]
            with ThreadPoolExecutor(20) as pool:
                replies = list(pool.map(gateway.http.get, paths * 6))
            assert {reply.status_code for reply in replies} == {503}
            assert time.monotonic() - silent_since < 15
            assert gateway.http.get("/").status_code == 200
            spoke_again_at = time.monotonic()
            proxy.speak()
            missing = count_authors(gateway, "nobody")
            known = count_authors(gateway, "postgres")
            soon(lambda: count_authors(gateway, "postgres") > known + 100)
            soon(lambda: gateway.http.get("/pipeline").status_code == 200)

    took_s = [one.took_s for one in load.outcomes if silent_since < one.ended_at < spoke_again_at]
    log.info(
        "while Postgres was silent", requests=len(took_s), p99_s=np.percentile(took_s, 99), max_s=max(took_s)
    )
    assert not load.failed
    assert np.percentile(took_s, 99) <= 0.5
    assert missing > 100
    lines = gateway.log.read_text()
    assert lines.count("Postgres counts as away") == lines.count("Postgres answers again") >= 2


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.long)])
def test_a_killed_worker_costs_the_requests_in_its_hands_alone(start: Start, workers: int) -> None:
    gateway = start(VIRAL_GATEWAY_WORKERS=str(workers))
    soon(lambda: read_metric(gateway, "viral_gateway_model_version") > 0)  # of all workers
    with under_load(gateway.port) as load:
        for killed in range(3):
            wait_for_more(load, 100)
            victim = list_workers(gateway)[0]
            victim.kill()
            soon(partial(has_replaced, gateway, victim, workers))
            wait_for_more(load, 100)
            assert len(load.failed) <= 4 * (killed + 1)

    assert load.refused == 0
    assert max(outcome.took_s for outcome in load.outcomes) < 5


def has_replaced(gateway: GatewayProcess, victim: psutil.Process, workers: int) -> bool:
    left = list_workers(gateway)
    return len(left) == workers and victim not in left


@pytest.mark.long
def test_a_restart_fails_no_request(start: Start) -> None:
    port = free_port()
    gateway = start(VIRAL_GATEWAY_PORT=str(port))
    with under_load(port, callers=8) as load:
        for _ in range(2):
            wait_for_more(load, 500)
            gateway.ask_to_stop()
            assert gateway.process.wait(20) == 0
            gateway = start(VIRAL_GATEWAY_PORT=str(port))
        wait_for_more(load, 500)

    assert not load.failed
