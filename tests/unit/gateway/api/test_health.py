"""/health/live, /health/ready, /metrics"""

from __future__ import annotations

from starlette.testclient import TestClient
from viral_gateway.middleware.http_protocol import STOPPING
from viral_gateway.serving.champion import Refusal

from tests.unit.gateway.fakes import NOON, FakeGateway


def test_it_is_live_without_a_model(client: TestClient) -> None:
    assert client.get("/health/live").json() == {"status": "live"}


def test_it_is_ready_with_a_model_and_a_consumer(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)

    reply = client.get("/health/ready")

    assert reply.status_code == 200
    assert reply.json()["status"] == "ready"
    assert reply.json()["missing"] == []
    assert reply.json()["model"]["version"] == 3


def test_it_is_not_ready_without_a_model(client: TestClient) -> None:
    reply = client.get("/health/ready")

    assert reply.status_code == 503
    assert reply.json()["missing"] == ["no model has been promoted yet"]


def test_it_is_not_ready_while_it_consumes_nothing(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    fake_gateway.missing = ["no live consumer on gateway.model-promoted.here"]

    reply = client.get("/health/ready")

    assert reply.status_code == 503
    assert reply.json()["missing"] == fake_gateway.missing


def test_while_it_stops_it_is_neither_ready_nor_to_be_sent_requests(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve()
    assert client.get("/health/serving").text == "serving"

    client.app_state[STOPPING] = True

    ready, serving = client.get("/health/ready"), client.get("/health/serving")
    assert (ready.status_code, serving.status_code) == (503, 503)
    assert (ready.json()["status"], serving.text) == ("stopping", "stopping")
    assert client.get("/health/live").status_code == 200


def test_requests_may_come_before_the_first_promotion_and_while_servers_are_away(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.missing = ["no live consumer on gateway.model-promoted.here"]

    statuses = [client.get("/health/serving").status_code]
    fake_gateway.holder.obstacle = "version 3 is promoted, but MLflow does not answer"
    statuses.append(client.get("/health/serving").status_code)
    fake_gateway.serve()
    statuses.append(client.get("/health/serving").status_code)

    assert statuses == [200, 503, 200]


def test_it_stays_ready_without_postgres(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    fake_gateway.records.away = True

    assert client.get("/health/ready").status_code == 200


def test_a_refused_artefact_is_reported_while_the_old_model_is_ready(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.holder.refused = Refusal(4, 4, "damaged", NOON)

    reply = client.get("/health/ready")

    assert reply.status_code == 200
    assert reply.json()["refused"]["reason"] == "damaged"


def test_requests_and_predictions_are_counted(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(base=0.9)

    client.post("/v1/predictions", json={"tweets": [{"text": "hi"}]})
    client.get("/nowhere/at/all")
    metrics = client.get("/metrics").text

    assert 'viral_gateway_requests_total{method="POST",route="/v1/predictions",status="200"}' in metrics
    assert 'viral_gateway_requests_total{method="GET",route="unknown",status="404"}' in metrics
    assert 'viral_gateway_predictions_total{viral="true"}' in metrics
    assert 'viral_gateway_request_seconds_bucket{le="0.001",route="/v1/predictions"}' in metrics
    assert "viral_ready 1.0" in metrics
