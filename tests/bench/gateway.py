"""The gateway under load from a second process, beside two rivals; its start, its memory, its installed size."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

import httpx
import psutil
from viral_common.artefact.files import Artefact
from viral_common.artefact.predictor import Predictor
from viral_common.events import Precision

from tests.bench.figures import Figure, best_rate
from tests.bench.gateway_load import Config, Outcome
from tests.bench.gateway_servers import GatewayServers
from tests.bench.gateway_size import installed_mb
from tests.bench.tweets import some_tweets
from tests.eventually import eventually
from tests.integration.gateway.processes import free_port
from tests.servers import Servers

TWEETS = 1920
CALL = 64
CALLERS = 1, 4
ROUNDS = 5
# Closed loops: how many connections, and how far the slowest hundredth of the replies may lie above the median.
CLOSED = 16, 32
TAIL = 4
RIVALS = {"a Flask app": "flask", "FastAPI and a transformers pipeline": "pipeline"}


def measure(scratch: Path, servers: Servers, seconds: float = 4.0) -> list[Figure]:
    """All in one run, one after the other."""
    bodies = write_bodies(scratch, 1), write_bodies(scratch, CALL)
    rivals = {name: _rival(scratch, rival, bodies[0], seconds) for name, rival in RIVALS.items()}
    figures: list[Figure] = []
    with GatewayServers(scratch / "gateway", servers) as bench:
        for precision in ("fp32", "int8"):
            figures += _served(bench, bench.made[0], precision, bodies, rivals, seconds)
        figures += _start(bench)
    size = installed_mb("viral-tweets", "gateway")
    return [*figures, _at_most("installed size of the gateway's extra", size, "MB", 350)]


def write_bodies(scratch: Path, tweets: int) -> Path:
    """A file of request bodies, so many tweets in each."""
    texts = [{"text": tweet.input.text} for tweet in some_tweets(TWEETS)]
    lines = (json.dumps({"tweets": texts[start : start + tweets]}) for start in range(0, TWEETS, tweets))
    path = scratch / f"bodies-{tweets}.jsonl"
    path.write_text("\n".join(lines))
    return path


def load(config: Config, *, may_fail: bool = False) -> Outcome:
    """Run it in a process of its own. Replies that fail are quick: with some the times would mean nothing."""
    command = [sys.executable, "-m", "tests.bench.gateway_load", json.dumps(asdict(config))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    outcome = Outcome(**json.loads(done.stdout.splitlines()[-1]))
    assert may_fail or (outcome.requests and not outcome.failed), outcome
    return outcome


def _served(
    bench: GatewayServers,
    artefact: Artefact,
    precision: Precision,
    bodies: tuple[Path, Path],
    rivals: dict[str, tuple[Outcome, Outcome]],
    seconds: float,
) -> list[Figure]:
    bench.promote(0, precision)
    with bench.gateway("one") as gateway:
        bench.wait_for(gateway)
        alone, together = _one_and_sixteen(gateway.port, bodies[0], seconds)
        in_calls, loop = _in_calls_and_in_a_loop(gateway.port, bodies[1], artefact, precision, seconds / 2)
        closed = {
            count: load(Config([gateway.port], str(bodies[0]), connections=count, seconds=3 * seconds))
            for count in CLOSED
        }
        memory = psutil.Process(gateway.process.pid).memory_info().rss / 1e6
    return [
        *_beside_rivals(precision, alone, together, rivals),
        *(row for count, outcome in closed.items() for row in _make_tail_rows(precision, count, outcome)),
        *(
            Figure(
                f"gateway in {precision}, calls of {CALL}, {count} at once",
                answered,
                "tweets/s",
                "a loop in the process, one thread",
                loop,
                "≥ 0.75×",
                answered >= 0.75 * loop,
            )
            for count, answered in in_calls.items()
        ),
        _at_most(f"gateway in {precision}, memory of one process", memory, "MB", 350),
    ]


def _beside_rivals(
    precision: str, alone: Outcome, together: Outcome, rivals: dict[str, tuple[Outcome, Outcome]]
) -> list[Figure]:
    fast, (_, its_best) = max(rivals.items(), key=lambda rival: rival[1][1].per_s)
    calm, (_, its_calmest) = min(rivals.items(), key=lambda rival: rival[1][1].p99_ms)
    quick, (its_quickest, _) = min(rivals.items(), key=lambda rival: rival[1][0].p50_ms)
    name, ms = f"gateway in {precision}", "ms"
    return [
        Figure(
            f"{name}, 16 connections",
            together.per_s,
            "requests/s",
            fast,
            its_best.per_s,
            "≥ 8×",
            together.per_s >= 8 * its_best.per_s,
        ),
        Figure(
            f"{name}, 16 connections, p99",
            together.p99_ms,
            ms,
            calm,
            its_calmest.p99_ms,
            "≤ 1/6",
            together.p99_ms <= its_calmest.p99_ms / 6,
            less_is_better=True,
        ),
        Figure(
            f"{name}, 1 connection, median",
            alone.p50_ms,
            ms,
            quick,
            its_quickest.p50_ms,
            "≤ 1.2 ms",
            alone.p50_ms <= 1.2,
            less_is_better=True,
        ),
    ]


def _make_tail_rows(precision: str, connections: int, outcome: Outcome) -> list[Figure]:
    """Compare the slowest hundredth and thousandth of a closed loop's replies with its median."""
    name = f"gateway in {precision}, {connections} connections as fast as they come"
    p50 = outcome.p50_ms
    return [
        Figure(
            f"{name}, {tail}", value, "ms", "its own median", p50, target, value <= limit, less_is_better=True
        )
        for tail, value, target, limit in (
            ("p99", outcome.p99_ms, f"≤ {TAIL}× the median", TAIL * p50),
            ("p99.9", outcome.p999_ms, f"≤ {5 * TAIL}× the median", 5 * TAIL * p50),
        )
    ]


def _start(bench: GatewayServers) -> list[Figure]:
    """Beside its cached artefact, with every server there."""
    started = time.perf_counter()
    with bench.gateway("one") as gateway, httpx.Client(base_url=f"http://127.0.0.1:{gateway.port}") as http:
        eventually(lambda: http.get("/health/ready").status_code == 200, every_s=0.01)
        took = time.perf_counter() - started
    return [_at_most("gateway, from start to ready with a cached artefact", took, "s", 2.5)]


def _at_most(name: str, value: float, unit: str, most: float) -> Figure:
    return Figure(name, value, unit, None, None, f"≤ {most:g} {unit}", value <= most, less_is_better=True)


def _in_calls_and_in_a_loop(
    port: int, bodies: Path, artefact: Artefact, precision: Precision, seconds: float
) -> tuple[dict[int, float], float]:
    """Tweets a second by so many callers, and in a loop without a gateway: in turn, the best of each."""
    inputs = [tweet.input for tweet in some_tweets(TWEETS)]
    predictor = Predictor.load(artefact, precision, threads=1)
    configs = {
        callers: Config([port], str(bodies), connections=callers, seconds=seconds) for callers in CALLERS
    }
    in_calls, loop = dict.fromkeys(CALLERS, 0.0), 0.0
    for _ in range(ROUNDS):
        rate = best_rate(
            TWEETS, lambda: [predictor.predict(inputs[at : at + CALL]) for at in range(0, TWEETS, CALL)]
        )
        loop = max(loop, rate)
        for callers, config in configs.items():
            in_calls[callers] = max(in_calls[callers], CALL * load(config).per_s)
    return in_calls, loop


def _one_and_sixteen(port: int, bodies: Path, seconds: float) -> tuple[Outcome, Outcome]:
    one, sixteen = (
        load(Config([port], str(bodies), connections=connections, seconds=seconds)) for connections in (1, 16)
    )
    return one, sixteen


def _rival(scratch: Path, name: str, bodies: Path, seconds: float) -> tuple[Outcome, Outcome]:
    with _rival_process(scratch, name) as port:
        return _one_and_sixteen(port, bodies, seconds)


@contextmanager
def _rival_process(scratch: Path, name: str) -> Iterator[int]:
    port, folder = free_port(), scratch / f"rival-{name}"
    command = [sys.executable, "-m", "tests.bench.gateway_rivals", name, str(port), str(folder)]
    with (scratch / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        eventually(lambda: _answers(port) or process.poll() is not None, within_s=120, every_s=0.1)
        assert process.poll() is None, f"the rival {name} ended"
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _answers(port: int) -> bool:
    try:
        url = f"http://127.0.0.1:{port}/v1/predictions"
        return httpx.post(url, json={"tweets": [{"text": "hi"}]}, timeout=30).status_code == 200
    except httpx.TransportError:
        return False
