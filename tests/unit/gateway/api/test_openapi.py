"""The OpenAPI document shows an example of everything, and each is one that fits."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient
from viral_gateway.api.prediction_schemas import ModelDetails
from viral_gateway.api.request_schemas import PredictionsRequest, RankingRequest
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway

Document = dict[str, Any]


def served(**settings: object) -> Document:
    document: Document = create_app(FakeGateway(settings=settings).build()).openapi()
    return document


DOCUMENT = served()
MODELS = DOCUMENT["components"]["schemas"]


def operations(document: Document = DOCUMENT) -> Iterator[tuple[str, Any]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


RESPONSES = [
    pytest.param(content, id=f"{call} {status}")
    for call, operation in operations()
    for status, response in operation["responses"].items()
    for content in response["content"].values()
]


def check(schema: Any, value: Any) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)


@pytest.mark.parametrize("name", MODELS)
def test_each_model_has_an_example_that_fits(name: str) -> None:
    for example in MODELS[name]["examples"]:
        check(MODELS[name], example)


@pytest.mark.parametrize("content", RESPONSES)
def test_each_response_has_an_example_that_fits(content: Any) -> None:
    check(content.get("schema", {}), content["example"])


@pytest.mark.parametrize("name", MODELS)
def test_no_field_is_exemplified_by_a_filler(name: str) -> None:
    assert "text" not in _values(MODELS[name]["examples"])


def _values(value: Any) -> Iterator[Any]:
    match value:
        case dict():
            for part in value.values():
                yield from _values(part)
        case list():
            for part in value:
                yield from _values(part)
        case _:
            yield value


def test_the_event_shown_is_one_that_may_come() -> None:
    [shown] = DOCUMENT["paths"]["/v1/events"]["get"]["responses"]["200"]["content"].values()
    [data] = [line for line in shown["example"].splitlines() if line.startswith("data: ")]

    event = json.loads(data.removeprefix("data: "))

    assert set(event) == set(ModelDetails.model_fields)
    ModelDetails.model_validate(event)


def test_an_error_shown_names_a_parameter_that_the_call_has() -> None:
    for call, operation in operations():
        if call.startswith("GET") and "422" in operation["responses"]:
            [wrong] = problem_shown(operation, 422)["errors"]
            assert wrong["parameter"] in [parameter["name"] for parameter in operation["parameters"]]


def test_the_errors_shown_are_as_they_are_sent() -> None:
    fake_gateway = FakeGateway(settings={"api_keys": "some-key-of-twenty-letters"})
    fake_gateway.records.away = True
    key = {"X-API-Key": "some-key-of-twenty-letters"}
    paths = DOCUMENT["paths"]

    with TestClient(create_app(fake_gateway.build())) as client:
        for path in ("/v1/model", "/v1/models", "/v1/batches"):
            assert client.get(path, headers=key).json() == problem_shown(paths[path]["get"], 503)
        too_large = client.post("/v1/predictions", headers=key, content=b" " * 1_048_577).json()
        assert too_large == problem_shown(paths["/v1/predictions"]["post"], 413)
        assert client.get("/v1/model").json() == problem_shown(paths["/v1/model"]["get"], 401)
        since = client.get("/v1/events?since=-1", headers=key).json()
        assert since == problem_shown(paths["/v1/events"]["get"], 422)


def problem_shown(operation: Any, status: int) -> Any:
    return operation["responses"][str(status)]["content"]["application/problem+json"]["example"]


def test_the_request_shown_is_one_that_is_taken() -> None:
    for request in (PredictionsRequest, RankingRequest):
        for example in MODELS[request.__name__]["examples"]:
            request.model_validate(example)


def test_each_route_says_what_it_may_answer() -> None:
    statuses = {call: " ".join(operation["responses"]) for call, operation in operations()}

    assert statuses == {
        "POST /v1/predictions": "200 400 401 403 408 413 415 422 429 503",
        "POST /v1/rankings": "200 400 401 403 408 413 415 422 429 503",
        "GET /v1/model": "200 401 403 429 503",
        "GET /v1/models": "200 401 403 422 429 503",
        "GET /v1/batches": "200 401 403 422 429 503",
        "GET /v1/events": "200 401 403 422 429 503",
        "GET /health/live": "200",
        "GET /health/ready": "200 503",
        "GET /health/serving": "200 503",
        "GET /metrics": "200",
    }


@pytest.mark.parametrize("keys", ["", "some-key-of-twenty-letters"])
def test_keys_are_required_in_it_only_where_the_gateway_asks_for_them(keys: str) -> None:
    security = {call: operation.get("security") for call, operation in operations(served(api_keys=keys))}

    assert ({} in security["GET /v1/model"]) is (keys == "")
    assert {"bearer": []} in security["POST /v1/predictions"]
    assert security["GET /metrics"] is None
