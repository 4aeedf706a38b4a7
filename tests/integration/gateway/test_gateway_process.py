"""Promotions reach a running gateway, damage does not, and with servers away it serves what it has."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import httpx
import numpy as np
import pytest
from viral_common.artefact.predictor import Predictor
from viral_common.settings import CommonSettings
from viral_common.tweets.features import TweetInput

from tests.eventually import eventually
from tests.integration.delivery.test_outages import BACK_S, NAMES_SAVED_S
from tests.integration.gateway.processes import NOWHERE, GatewayProcess, Promoter, soon
from tests.servers import Servers

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)
TEXTS = ["hello", "", "a longer tweet with #tags and https://example.org", "🎉 @you", "word " * 300]
Start = Callable[..., GatewayProcess]
# Longer than an honest event takes to swap a model in.
FORGED_EVENT_WAIT_S = 3


@pytest.fixture
def start(settings: CommonSettings, tmp_path: Path) -> Iterator[Start]:
    gateways: list[GatewayProcess] = []

    def started(**overrides: str) -> GatewayProcess:
        gateways.append(GatewayProcess(settings, tmp_path / "gateway.log", **overrides))
        return gateways[-1]

    yield started
    for gateway in gateways:
        gateway.kill()


def test_promotions_swap_in_by_event_and_damage_is_refused(start: Start, promoter: Promoter) -> None:
    gateway = start(VIRAL_LOG_PREDICTIONS="true")
    soon(lambda: gateway.ready().json()["missing"] == ["no model has been promoted yet"])
    assert gateway.http.post("/v1/predictions", json={"tweets": [{"text": "hi"}]}).status_code == 503

    first, artefact = promoter.register(bias=-1.0)
    promoter.promote(first)
    soon(lambda: gateway.version() == first.model_version)

    assert gateway.ready().status_code == 200
    expected = Predictor.load(artefact, threads=1).predict([TweetInput(text, NOON) for text in TEXTS])
    assert np.abs(gateway.probabilities(TEXTS, NOON) - expected).max() < 1e-6
    remembered = f"{len(TEXTS)} predictions of version {first.model_version} are remembered"
    soon(lambda: remembered in gateway.http.get("/pipeline").text)

    second, _ = promoter.register(bias=1.0)
    promoter.promote(second, artifact_sha256="0" * 64)
    soon(lambda: gateway.ready().json()["refused"] is not None)
    assert gateway.version() == first.model_version
    assert "digest" in gateway.ready().json()["refused"]["reason"]

    promoter.promote(second)
    soon(lambda: gateway.version() == second.model_version)
    assert gateway.ready().json()["refused"] is None
    trail = gateway.http.get("/v1/batches").json()["batches"][0]
    assert trail["simulated"] is True
    assert "simulated" in gateway.http.get("/pipeline").text


def test_what_was_promoted_while_it_was_away_serves_at_start(start: Start, promoter: Promoter) -> None:
    registered, _ = promoter.register(bias=0.5)
    promoter.promote(registered)

    gateway = start()

    soon(lambda: gateway.version() == registered.model_version)
    soon(lambda: gateway.ready().status_code == 200)


def test_while_postgres_is_away_it_goes_on_serving(
    start: Start, promoter: Promoter, servers: Servers
) -> None:
    registered, _ = promoter.register(bias=0.5)
    promoter.promote(registered)
    gateway = start()
    soon(lambda: gateway.ready().status_code == 200)
    before = gateway.probabilities(TEXTS, NOON)

    servers.kill("postgres")
    answers = [gateway.probabilities(TEXTS, NOON)]

    def knows_its_models_again() -> bool:
        answers.append(gateway.probabilities(TEXTS, NOON))
        return gateway.http.get("/v1/models").status_code == 200

    eventually(knows_its_models_again, within_s=BACK_S)
    assert answers == [before] * len(answers)
    assert gateway.ready().status_code == 200


def test_while_the_broker_is_away_it_goes_on_serving_and_then_reads_what_it_missed(
    start: Start, promoter: Promoter, servers: Servers
) -> None:
    (first, _), (second, _) = promoter.register(bias=-1.0), promoter.register(bias=1.0)
    promoter.promote(first)
    gateway = start()
    soon(lambda: gateway.version() == first.model_version and gateway.ready().status_code == 200)
    # So that nobody publishes the event: only the ledger knows of the second promotion.
    promoter.service.stop()
    time.sleep(NAMES_SAVED_S)
    answers = [gateway.probabilities(TEXTS, NOON)]

    servers.kill("rabbitmq")
    soon(lambda: gateway.ready().status_code == 503)
    promoter.promote(second)

    def serves_the_second() -> bool:
        answers.append(gateway.probabilities(TEXTS, NOON))
        return gateway.version() == second.model_version

    eventually(serves_the_second, within_s=BACK_S)
    assert answers[0] == answers[1] != gateway.probabilities(TEXTS, NOON)
    soon(lambda: gateway.ready().status_code == 200)


def test_with_everything_away_it_starts_with_the_last_good_model_and_precision(
    start: Start, promoter: Promoter
) -> None:
    registered, artefact = promoter.register(bias=0.5)
    promoter.promote(registered, precision="int8")
    gateway = start()
    soon(lambda: gateway.version() == registered.model_version)
    before = gateway.probabilities(TEXTS, NOON)
    judged = Predictor.load(artefact, "int8").predict([TweetInput(text, NOON) for text in TEXTS])
    assert before == judged.tolist()
    assert gateway.stop() == 0

    alone = start(
        VIRAL_DATABASE_URL=f"postgresql://viral@{NOWHERE}/viral",
        VIRAL_RABBITMQ_URL=f"amqp://viral:viral@{NOWHERE}/viral",
        VIRAL_MLFLOW_URL=f"http://{NOWHERE}",
    )

    assert alone.version() == registered.model_version
    assert alone.probabilities(TEXTS, NOON) == before
    assert alone.ready().status_code == 503
    for path in ("/v1/models", "/v1/batches", "/pipeline"):
        assert alone.http.get(path, timeout=10).status_code == 503
    assert alone.http.get("/").status_code == 200


def test_listeners_receive_the_swap_and_a_stop_ends_their_streams(start: Start, promoter: Promoter) -> None:
    registered, _ = promoter.register(bias=0.5)
    gateway = start()
    received: list[str] = []
    listening = threading.Event()

    def listen() -> None:
        with httpx.stream("GET", f"http://127.0.0.1:{gateway.port}/v1/events", timeout=60) as stream:
            for line in stream.iter_lines():
                received.append(line)
                listening.set()

    listener = threading.Thread(target=listen)
    listener.start()
    listening.wait(10)
    promoter.promote(registered)
    soon(lambda: "event: model.promoted" in received)

    assert gateway.stop() == 0
    listener.join(5)
    assert not listener.is_alive()


def test_a_forged_event_moves_nothing(start: Start, promoter: Promoter) -> None:
    gateway = start()
    champion, _ = promoter.register(bias=-1.0)
    promoter.promote(champion)
    soon(lambda: gateway.version() == champion.model_version)
    forged, _ = promoter.register(bias=1.0)

    promoter.publish_forged_event(forged, promotion_seq=1_000_000)

    time.sleep(FORGED_EVENT_WAIT_S)
    assert gateway.version() == champion.model_version
    assert gateway.http.get("/v1/model").json()["promotion_seq"] < 1_000_000
    honest, _ = promoter.register(bias=0.5)
    promoter.promote(honest)
    soon(lambda: gateway.version() == honest.model_version)
