"""Hot swaps under load: nothing is dropped or mixed, nobody waits for long, nothing leaks."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

import psutil
from viral_common.artefact.predictor import Predictor
from viral_common.tweets.features import TweetInput
from viral_gateway.settings import GatewaySettings

from tests.bench.figures import Figure
from tests.bench.gateway import load
from tests.bench.gateway_load import Config, Outcome
from tests.bench.gateway_servers import VERSIONS, GatewayServers
from tests.bench.tweets import some_tweets
from tests.integration.gateway.processes import GatewayProcess
from tests.servers import Servers

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
REPLICAS, RATE = 4, 200.0
SWAPS, MANY_SWAPS = 50, 500
EVERY_S = 1.0
# How often a gateway is asked for its version: oftener, the asking itself keeps replies waiting.
LOOK_S = 0.1
# Loads without and with swaps, in turn: a machine is not as fast from minute to minute.
ROUNDS = 5
# From a replica's turn until it answers with the new model, and some.
SWAP_S = 0.5
# Its first models have been freed by then.
SETTLED = 20
RUNS = 6


def measure(
    scratch: Path, servers: Servers, swaps: int = SWAPS, many_swaps: int = MANY_SWAPS
) -> list[Figure]:
    """Both, with a model of the real size in int8, as served."""
    with GatewayServers(scratch / "swaps", servers) as bench:
        bodies, expected = _bodies(scratch, bench)
        return [
            *_under_load(bench, bodies, expected, swaps),
            *_many(bench, bodies, many_swaps),
        ]


def _under_load(
    bench: GatewayServers, bodies: Path, expected: dict[str, list[list[float]]], swaps: int
) -> list[Figure]:
    bench.promote(0, "int8")
    with ExitStack() as replicas, ThreadPoolExecutor(1) as pool:
        spread = float(GatewaySettings.model_fields["swap_spread_s"].default)
        gateways = [
            replicas.enter_context(bench.gateway(f"replica-{n}", VIRAL_SWAP_SPREAD_S=str(spread)))
            for n in range(REPLICAS)
        ]
        bench.wait_for(*gateways)
        seconds = swaps * max(EVERY_S, spread + SWAP_S)  # of which the last replica's turn takes less, mostly
        config = Config([gateway.port for gateway in gateways], str(bodies), rate=RATE, expected=expected)
        calm, swapping, took = [], [], list[float]()
        for _ in range(ROUNDS):
            calm.append(load(replace(config, seconds=seconds / ROUNDS / 3)))
            loading = pool.submit(load, replace(config, seconds=seconds / ROUNDS), may_fail=True)
            while not loading.done():
                took.append(_swap(bench, gateways, (len(took) + 1) % VERSIONS))
            swapping.append(loading.result())
    return _figures(len(took), calm, swapping, max(took))


def _figures(swaps: int, calm: Sequence[Outcome], swapping: Sequence[Outcome], latest: float) -> list[Figure]:
    name = f"{swaps} swaps, {REPLICAS} replicas, {RATE:.0f} requests/s"
    p99_ms, calm_ms = (median(outcome.p99_ms for outcome in outcomes) for outcomes in (swapping, calm))
    return [
        _none(f"{name}: replies that failed", sum(outcome.failed for outcome in swapping)),
        _none(f"{name}: replies that mix versions", sum(outcome.mixed for outcome in swapping)),
        Figure(
            f"{name}: p99",
            p99_ms,
            "ms",
            "without swaps",
            calm_ms,
            "≤ 2×",
            p99_ms <= 2 * calm_ms,
            less_is_better=True,
        ),
        Figure(
            f"{name}: last replica new after",
            latest,
            "s",
            None,
            None,
            "≤ 5 s",
            latest <= 5,
            less_is_better=True,
        ),
    ]


def _swap(bench: GatewayServers, gateways: Sequence[GatewayProcess], number: int) -> float:
    """Promote; seconds until every replica answers with it. Swaps begin EVERY_S apart at the earliest."""
    started = time.perf_counter()
    bench.promote(number, "int8")
    bench.wait_for(*gateways, every_s=LOOK_S)
    took = time.perf_counter() - started
    time.sleep(max(0.0, EVERY_S - took))
    return took


def _many(bench: GatewayServers, bodies: Path, swaps: int) -> list[Figure]:
    """Back and forth between two versions that the cache holds; at the end beside a gateway that has just begun."""
    with bench.gateway("many") as many:
        _back_and_forth(bench, [many], SETTLED)
        memory = _memory_mb(many, bodies)
        _back_and_forth(bench, [many], swaps)
        grown = _memory_mb(many, bodies)
        with bench.gateway("few") as few:
            _back_and_forth(bench, [many, few], SETTLED)
            # In turn, and the least of each: the other runs measure the neighbours.
            runs = [(_p99_ms(many, bodies), _p99_ms(few, bodies)) for _ in range(RUNS)]
    after, fresh = map(min, zip(*runs, strict=True))
    return [
        Figure(
            f"memory after {swaps} swaps",
            grown,
            "MB",
            "before them",
            memory,
            "< 1.05×",
            grown < 1.05 * memory,
            less_is_better=True,
        ),
        Figure(
            f"p99 after {swaps} swaps",
            after,
            "ms",
            f"another after {SETTLED}",
            fresh,
            "< 1.1×",
            after < 1.1 * fresh,
            less_is_better=True,
        ),
    ]


def _back_and_forth(bench: GatewayServers, gateways: Sequence[GatewayProcess], swaps: int) -> None:
    for number in range(swaps):
        bench.promote(number % 2, "int8")
        bench.wait_for(*gateways)


def _p99_ms(gateway: GatewayProcess, bodies: Path) -> float:
    return load(Config([gateway.port], str(bodies), rate=RATE, seconds=4.0)).p99_ms


def _memory_mb(gateway: GatewayProcess, bodies: Path) -> float:
    """After a load: the first replies make it grow, too."""
    _p99_ms(gateway, bodies)
    return float(psutil.Process(gateway.process.pid).memory_info().rss) / 1e6


def _bodies(scratch: Path, bench: GatewayServers) -> tuple[Path, dict[str, list[list[float]]]]:
    """Bodies of some tweets each, and what each version says of them."""
    texts = [tweet.input.text for tweet in some_tweets(100)]
    calls = [[TweetInput(text, NOON) for text in texts[start : start + 2]] for start in range(0, 100, 2)]
    lines = [
        json.dumps({"tweets": [{"text": one.text, "created_at": NOON.isoformat()} for one in call]})
        for call in calls
    ]
    path = scratch / "bodies-swaps.jsonl"
    path.write_text("\n".join(lines))
    expected = {}
    for registered, artefact in zip(bench.registered, bench.made, strict=True):
        predictor = Predictor.load(artefact, "int8", threads=1)
        expected[str(registered.model_version)] = [predictor.predict(call).tolist() for call in calls]
    return path, expected


def _none(name: str, count: int) -> Figure:
    return Figure(name, count, "replies", None, None, "0", count == 0, less_is_better=True)
