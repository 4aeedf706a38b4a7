"""POST /v1/rankings"""

from __future__ import annotations

from typing import Any

import pytest
from starlette.testclient import TestClient
from viral_common.tweets.features import AuthorHistory, KnownAuthor
from viral_gateway.app import create_app

from tests.unit.gateway.fakes import FakeGateway


def rank(client: TestClient, *drafts: Any, **more: Any) -> Any:
    return client.post("/v1/rankings", json={"drafts": list(drafts), **more})


def test_drafts_come_best_first_with_what_is_usual_for_the_account(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve(version=3, base=0.4, says_likes=True)
    fake_gateway.records.authors["ada"] = KnownAuthor(AuthorHistory(tweets=9, settled=8, viral=5))

    reply = rank(client, "bad", "good good", "good", username="ada", author={"followers": 70}, photos_count=2)

    assert reply.status_code == 200
    ranking = reply.json()
    assert ranking["model"]["version"] == 3
    assert ranking["usual"] == pytest.approx(0.4)
    assert ranking["author"] == {"tweets": 9, "settled": 8, "viral": 5, "followers": 70}
    assert [(draft["place"], draft["index"]) for draft in ranking["drafts"]] == [(1, 1), (2, 2), (3, 0)]
    assert [draft["probability"] for draft in ranking["drafts"]] == pytest.approx([0.8, 0.6, 0.2])
    assert [draft.get("differs") for draft in ranking["drafts"]] == [True, True, None]
    assert [draft.get("confidence") for draft in ranking["drafts"]] == [
        pytest.approx(0.690, abs=0.001),
        pytest.approx(0.832, abs=0.001),
        None,
    ]
    [scored] = model.calls
    assert {tweet.photos_count for tweet in scored} == {2}
    assert [tweet.content_known for tweet in scored] == [True, True, True, False]


def test_likes_are_expected_only_where_they_say_something(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.1, says_likes=True)

    large, small = rank(client, "a", "good good").json()["drafts"]

    assert large["expected_likes"] == {"likes": 6.4, "low": 3.5, "high": 19.1}
    assert "expected_likes" not in small


def test_a_model_that_says_no_likes_ranks_by_its_probability(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.4)

    first, second, third = rank(client, "a", "good", "b").json()["drafts"]

    assert first == {"place": 1, "index": 1, "probability": pytest.approx(0.6), "differs": True}
    assert (second["index"], second["differs"]) == (0, False)
    assert (third["index"], "differs" in third) == (2, False)


def test_equal_drafts_cannot_be_told_apart(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(says_likes=True)

    first, second = rank(client, "the same", "the same").json()["drafts"]

    assert (first["differs"], first["confidence"]) == (False, 0.5)
    assert [first["index"], second["index"]] == [0, 1]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"drafts": ["one"]}, "#/drafts"),
        ({"drafts": ["d"] * 11}, "#/drafts"),
        ({"drafts": ["one", "x" * 4001]}, "#/drafts/1"),
        ({"drafts": ["one", 2]}, "#/drafts/1"),
        ({"drafts": "one"}, "#/drafts"),
        ({"drafts": ["one", "two"], "author": {"followers": "many"}}, "#/author/followers"),
        ({"drafts": ["one", "two"], "photos_count": 5}, "#/photos_count"),
        ({}, "#/drafts"),
    ],
)
def test_a_wrong_field_is_pointed_at(
    client: TestClient, fake_gateway: FakeGateway, body: dict[str, Any], pointer: str
) -> None:
    fake_gateway.serve()

    reply = client.post("/v1/rankings", json=body)

    assert reply.status_code == 422
    assert reply.headers["content-type"] == "application/problem+json"
    assert [error["pointer"] for error in reply.json()["errors"]] == [pointer]


def test_it_refuses_what_predictions_refuse(client: TestClient, fake_gateway: FakeGateway) -> None:
    assert rank(client, "a", "b").status_code == 503
    fake_gateway.serve()
    assert client.post("/v1/rankings", content=b"{}").status_code == 415
    assert (
        client.post("/v1/rankings", content=b"{", headers={"content-type": "application/json"}).status_code
        == 400
    )


def test_each_draft_counts_as_a_prediction_and_the_call_as_one_request(fake_gateway: FakeGateway) -> None:
    fake_gateway.settings["rate_limit"] = 1
    fake_gateway.serve()
    with TestClient(create_app(fake_gateway.build())) as client:
        before = _count_predictions(client)

        statuses = [rank(client, "a", "b", "c").status_code for _ in range(2)]

        assert statuses == [200, 429]
        assert _count_predictions(client) - before == 3


def _count_predictions(client: TestClient) -> float:
    lines = client.get("/metrics").text.splitlines()
    return sum(
        float(line.split()[-1]) for line in lines if line.startswith("viral_gateway_predictions_total{")
    )
