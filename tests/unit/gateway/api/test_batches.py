"""GET /v1/model, /v1/models, /v1/batches and the OpenAPI document"""

from __future__ import annotations

from starlette.testclient import TestClient
from viral_common.stores.trail import BatchTrail, ModelRecord

from tests.unit.gateway.fakes import (
    FakeGateway,
    make_batch,
    make_champion,
    make_promotion,
    make_trail,
    make_training,
    make_verdict,
)


def test_the_model_that_answers_with_its_metrics(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)

    model = client.get("/v1/model").json()

    assert model["version"] == 3
    assert model["metrics"]["auc"] == 0.7012
    assert model["reason"] == "better"
    assert model["previous_version"] == 2
    assert model["simulated"] is False
    assert model["precision"] == "fp32"


def test_every_version_with_its_verdict(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.records.records = [
        ModelRecord(make_training(4), make_verdict(4, "kept"), []),
        ModelRecord(make_training(3), make_verdict(3), [make_promotion(3)]),
        ModelRecord(make_training(2), None, []),
    ]

    fake_gateway.records.newest = make_champion(3)

    models = client.get("/v1/models").json()["models"]

    assert [model["version"] for model in models] == [4, 3, 2]
    assert [model["champion"] for model in models] == [False, True, False]
    assert models[0]["verdict"]["outcome"] == "kept"
    assert models[2]["verdict"] is None
    assert [promotion["precision"] for promotion in models[1]["promotions"]] == ["fp32"]


def test_the_trail_of_a_batch(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.records.trails = [make_trail(), BatchTrail(make_batch(collected=False), None, None, None)]

    done, begun = client.get("/v1/batches").json()["batches"]

    assert done["collected"]["tweet_count"] == 48_210
    assert done["trained"]["model_version"] == 3
    assert done["verdict"]["reason"].startswith("Version 3 beats")
    assert done["promoted"]["promotion_seq"] == 3
    assert done["collected"]["at"] < done["trained"]["at"] < done["verdict"]["at"] < done["promoted"]["at"]
    assert [begun[step] for step in ("collected", "trained", "verdict", "promoted")] == [None] * 4


def test_the_openapi_document_describes_fields_errors_and_examples(client: TestClient) -> None:
    document = client.get("/openapi.json").json()

    predict = document["paths"]["/v1/predictions"]["post"]
    assert set(predict["responses"]) == {"200", "400", "401", "403", "408", "413", "415", "422", "429", "503"}
    assert "application/problem+json" in predict["responses"]["422"]["content"]
    for name in ("TweetIn", "Features", "PredictionOut", "ModelRef"):
        properties = document["components"]["schemas"][name]["properties"]
        assert all("description" in field or "$ref" in field for field in properties.values())
    assert "/" not in document["paths"]
