"""What the gateway, or something on the way to it, answers becomes models and exceptions."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from viral_client import Author, Client, FieldError, GatewayAway, GatewayError, Post, Tweet
from viral_client.models import Predictions
from viral_gateway.api.prediction_schemas import ModelDetails

PROBLEM = {"content-type": "application/problem+json"}


def talking_to(answer: Callable[[httpx2.Request], httpx2.Response], **more: Any) -> Client:
    return Client("http://gateway", transport=httpx2.MockTransport(answer), **more)


def test_the_key_is_sent_with_every_call() -> None:
    seen: list[str | None] = []

    def answer(request: httpx2.Request) -> httpx2.Response:
        seen.append(request.headers.get("authorization"))
        return httpx2.Response(200, json={"models": [], "batches": []})

    talking_to(answer, api_key="some-key").list_models()
    talking_to(answer).list_batches()

    assert seen == ["Bearer some-key", None]


@pytest.mark.parametrize(("status", "title"), [(429, "Too Many Requests"), (503, "Service Unavailable")])
def test_a_refusal_says_when_to_come_back(status: int, title: str) -> None:
    problem = {"title": title, "status": status, "detail": "later"}
    headers = PROBLEM | {"retry-after": "12", "x-request-id": "mine"}

    with pytest.raises(GatewayError, match=f"^{status} {title}: later$") as refused:
        talking_to(lambda _: httpx2.Response(status, json=problem, headers=headers)).get_model()

    assert (refused.value.status, refused.value.title, refused.value.detail) == (status, title, "later")
    assert refused.value.retry_after == 12
    assert refused.value.request_id == "mine"


@pytest.mark.parametrize(
    "reply",
    [
        httpx2.Response(502, text="<html>bad gateway</html>"),
        httpx2.Response(502, text="{", headers=PROBLEM),
        httpx2.Response(502, json=["no", "problem"], headers=PROBLEM),
        httpx2.Response(502, json={"title": None, "errors": "none"}, headers=PROBLEM),
    ],
)
def test_a_proxys_own_error_page_is_a_refusal_too(reply: httpx2.Response) -> None:
    with pytest.raises(GatewayError) as refused:
        talking_to(lambda _: reply).get_readiness()

    assert refused.value.status == 502
    assert refused.value.retry_after is None


@pytest.mark.parametrize(
    "reply",
    [
        httpx2.Response(503, text="<html>no upstream</html>"),
        httpx2.Response(503, json={"message": "no upstream"}),
        httpx2.Response(200, text="<html>please log in</html>"),
    ],
)
def test_a_proxys_own_page_is_no_readiness(reply: httpx2.Response) -> None:
    with pytest.raises(GatewayError) as refused:
        talking_to(lambda _: reply).get_readiness()

    assert refused.value.status == reply.status_code


def test_events_that_live_elsewhere_are_a_refusal_not_an_end() -> None:
    moved = httpx2.Response(301, headers={"location": "https://gateway/v1/events"})

    with pytest.raises(GatewayError, match=r"^301"):
        next(talking_to(lambda _: moved).stream_events())


def test_errors_that_are_no_objects_are_passed_over() -> None:
    problem = {"title": "Bad", "errors": ["x", {"detail": "wrong", "pointer": "#/a"}, None]}

    with pytest.raises(GatewayError) as refused:
        talking_to(lambda _: httpx2.Response(422, json=problem)).get_model()

    assert refused.value.errors == [FieldError("wrong", "#/a")]


@pytest.mark.parametrize("one", ["hello", Tweet(text="hello")])
def test_one_tweet_is_no_list_of_tweets(one: Any) -> None:
    with pytest.raises(TypeError, match="list of tweets"):
        talking_to(lambda _: httpx2.Response(200)).predict(one)


def test_drafts_are_sent_with_what_goes_for_all_of_them_and_come_back_ranked() -> None:
    sent: list[Any] = []
    reply = {
        "model": {"version": 1, "promotion_seq": 1, "run_id": "r", "promoted_at": "2026-11-23T12:00:00Z"},
        "usual": 0.4,
        "drafts": [
            {"place": 1, "index": 1, "probability": 0.6, "differs": True, "confidence": 0.7},
            {
                "place": 2,
                "index": 0,
                "probability": 0.5,
                "expected_likes": {"likes": 5, "low": 1, "high": 9},
            },
        ],
    }

    def answer(request: httpx2.Request) -> httpx2.Response:
        sent.append((request.url.path, json.loads(request.content)))
        return httpx2.Response(200, json=reply)

    ranking = talking_to(answer).rank(["one", "two"], Post(username="ada", author=Author(followers=7)))

    [(path, body)] = sent
    assert path == "/v1/rankings"
    assert body["drafts"] == ["one", "two"]
    assert (body["username"], body["author"]) == ("ada", {"followers": 7})
    assert [draft.index for draft in ranking.drafts] == [1, 0]
    assert ranking.drafts[0].differs
    assert ranking.drafts[1].expected_likes
    assert ranking.drafts[1].expected_likes.high == 9


def test_one_draft_is_no_list_of_drafts() -> None:
    with pytest.raises(TypeError, match="list of drafts"):
        talking_to(lambda _: httpx2.Response(200)).rank("hello")


@pytest.mark.parametrize("error", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("")])
def test_no_answer_is_an_exception_of_its_own(error: httpx2.TransportError) -> None:
    def silent(_: httpx2.Request) -> httpx2.Response:
        raise error

    for call in (Client.get_model, Client.get_readiness, lambda gateway: next(gateway.stream_events())):
        with pytest.raises(GatewayAway, match="does not answer"):
            call(talking_to(silent))


def test_events_are_the_models_that_take_over() -> None:
    model = ModelDetails.model_json_schema()
    details = {
        name: field["examples"][0] for name, field in model["properties"].items() if "examples" in field
    }
    details |= {"batch_id": "5f0c6f0e-3c8b-4f5e-9a55-0d4c1a7b9e21"}
    one = ModelDetails.model_validate(details).model_dump_json()
    stream = f": listening\r\nretry: 3000\r\n\r\nid: 4\r\nevent: model.promoted\r\ndata: {one}\r\n\r\n: ping\r\n\r\n"

    events = list(talking_to(lambda _: httpx2.Response(200, text=stream * 2)).stream_events(since=3))

    assert [event.promotion_seq for event in events] == [4, 4]


def test_a_field_that_only_a_newer_gateway_has_is_ignored() -> None:
    reply = {
        "model": {
            "version": 1,
            "promotion_seq": 1,
            "run_id": "r",
            "promoted_at": "2026-11-23T12:00:00Z",
            "new": 1,
        },
        "predictions": [],
        "also_new": {},
    }

    assert Predictions.model_validate(reply).model.version == 1
