"""POST /v1/predictions"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from starlette.testclient import TestClient
from viral_common.tweets.profile import MOST, AuthorProfile

from tests.unit.gateway.fakes import FakeGateway


def ask(client: TestClient, *tweets: dict[str, Any], **more: Any) -> Any:
    return client.post("/v1/predictions", json={"tweets": list(tweets), **more})


def test_each_tweet_gets_its_probability_in_the_order_asked(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(version=3, base=0.4)

    reply = ask(client, {"text": "good good"}, {"text": "bad"})

    assert reply.status_code == 200
    assert [p["probability"] for p in reply.json()["predictions"]] == pytest.approx([0.8, 0.2])
    assert [p["viral"] for p in reply.json()["predictions"]] == [True, False]


def test_the_reply_names_the_model_that_answered(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)

    model = ask(client, {"text": "hello"}).json()["model"]

    assert model == {
        "version": 3,
        "promotion_seq": 3,
        "run_id": f"{3:032x}",
        "promoted_at": "2026-11-23T12:00:00Z",
    }


def test_the_features_are_those_that_the_model_saw(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    reply = ask(
        client,
        {
            "text": "hi @ada #python https://example.org",
            "created_at": "2026-11-23T20:30:00+02:00",
            "photos_count": 2,
            "is_quote_tweet": True,
        },
    )

    assert reply.json()["predictions"][0]["features"] == {
        "created_at_dayofweek": 0,
        "created_at_hour": 18,
        "is_quote_tweet": 1,
        "hashtags_count": 1,
        "mentions_count": 1,
        "word_count": 3,
        "photos_count": 2,
        "has_video": 0,
        "urls_count": 1,
    }


def test_without_a_time_the_tweet_is_posted_now(client: TestClient, fake_gateway: FakeGateway) -> None:
    model = fake_gateway.serve()

    ask(client, {"text": "hello"}, {"text": "hello", "created_at": None})

    asked_for = model.calls[0]
    assert all(abs((datetime.now(UTC) - tweet.created_at).total_seconds()) < 60 for tweet in asked_for)


def test_a_time_without_offset_is_utc(client: TestClient, fake_gateway: FakeGateway) -> None:
    model = fake_gateway.serve()

    ask(client, {"text": "hello", "created_at": "2026-11-23T20:30:00"})

    assert model.calls[0][0].created_at == datetime(2026, 11, 23, 20, 30, tzinfo=UTC)


def test_no_explanation_unless_asked_for(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert not {"explanation", "usual"} & set(ask(client, {"text": "hello"}).json()["predictions"][0])


def test_an_explanation_weighs_each_word_in_one_batch(client: TestClient, fake_gateway: FakeGateway) -> None:
    model = fake_gateway.serve(base=0.5)

    reply = ask(client, {"text": "a good  day"}, explain=True)

    [prediction] = reply.json()["predictions"]
    explanation = prediction["explanation"]
    assert prediction["usual"] == 0.5
    assert [(w["word"], w["start"], w["end"]) for w in explanation] == [
        ("a", 0, 1),
        ("good", 2, 6),
        ("day", 8, 11),
    ]
    assert [w["weight"] for w in explanation] == pytest.approx([0, 0.2, 0])
    assert len(model.calls) == 1


def test_a_large_explanation_is_scored_in_slices_and_keeps_its_order(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve(base=0.5)
    texts = ["word " * 7 + ("good" if n % 3 == 0 else "bad") for n in range(256)]

    predictions = ask(client, *[{"text": text} for text in texts], explain=True).json()["predictions"]

    last_words = [prediction["explanation"][-1] for prediction in predictions]
    assert [word["word"] for word in last_words] == [text.split()[-1] for text in texts]
    assert all((word["weight"] > 0) == (word["word"] == "good") for word in last_words)
    assert max(len(call) for call in model.calls) <= 256


@pytest.mark.parametrize("text", ["", "   \n", "\x00", "🎉🎉", "\ud83d half a pair", "x" * 4000, "مرحبا"])
def test_any_text_of_a_fitting_length_is_answered(
    client: TestClient, fake_gateway: FakeGateway, text: str
) -> None:
    fake_gateway.serve()

    # json.dumps writes a lone surrogate as an escape, as a careless client would.
    body = json.dumps({"tweets": [{"text": text}], "explain": True})
    reply = client.post("/v1/predictions", content=body, headers={"content-type": "application/json"})

    assert reply.status_code == 200


def test_unknown_fields_are_ignored(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert ask(client, {"text": "hello", "lang": "en"}, trace=True).status_code == 200


def test_256_tweets_are_answered_and_257_are_not(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert len(ask(client, *[{"text": "hello"}] * 256).json()["predictions"]) == 256
    assert ask(client, *[{"text": "hello"}] * 257).status_code == 422


def test_without_a_model_it_says_when_to_ask_again(client: TestClient) -> None:
    reply = ask(client, {"text": "hello"})

    assert reply.status_code == 503
    assert int(reply.headers["retry-after"]) > 0
    assert reply.headers["content-type"] == "application/problem+json"


def test_viral_begins_where_the_model_says(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(base=0.3, decision_threshold=0.3)

    reply = client.post("/v1/predictions", json={"tweets": [{"text": "a day"}, {"text": "a bad day"}]}).json()

    assert [one["viral"] for one in reply["predictions"]] == [True, False]
    model = client.get("/v1/model").json()
    assert (model["decision_threshold"], model["viral_rate"]) == (0.3, 0.4)


def test_what_is_said_of_the_author_reaches_the_model_and_is_said_back(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()
    author = {"followers": 1200, "listed": 0, "verified": True, "created_at": "2015-03-01T00:00:00Z"}

    reply = ask(client, {"text": "hello", "author": author}, {"text": "hello", "author": {}})

    said = AuthorProfile(followers=1200, listed=0, verified=True, created_at=datetime(2015, 3, 1, tzinfo=UTC))
    assert [tweet.profile for tweet in model.calls[0]] == [said, None]
    known, unknown = reply.json()["predictions"]
    assert known["author"] == author
    assert "author" not in unknown


@pytest.mark.parametrize(
    ("author", "pointer", "says"),
    [
        ({"followers": -1}, "/followers", "greater than or equal to 0"),
        ({"followers": MOST + 1}, "/followers", "less than or equal to 10000000000"),
        ({"posts": "many"}, "/posts", "valid integer"),
        ({"posts": 1.5}, "/posts", "valid integer"),
        ({"verified": "yes"}, "/verified", "valid boolean"),
        ({"created_at": "2005-01-01"}, "", "between 2006-03-21 and the tweet's own time"),
        ({"created_at": "2026-11-24"}, "", "between 2006-03-21 and the tweet's own time"),
        ({"created_at": "soon"}, "/created_at", "ISO 8601"),
        ("ada", "", "valid dictionary"),
    ],
)
def test_an_author_that_cannot_be_is_refused(
    client: TestClient, fake_gateway: FakeGateway, author: object, pointer: str, says: str
) -> None:
    fake_gateway.serve()

    reply = ask(client, {"text": "hi", "created_at": "2026-11-23T18:30:00Z", "author": author})

    assert reply.status_code == 422
    [error] = reply.json()["errors"]
    assert error["pointer"] == f"#/tweets/0/author{pointer}"
    assert says in error["detail"]


def test_an_account_may_be_as_young_as_today_and_whole_floats_are_whole(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve()
    today = datetime.now(UTC).date().isoformat()

    assert ask(client, {"text": "hi", "author": {"created_at": today, "posts": 2.0}}).status_code == 200
