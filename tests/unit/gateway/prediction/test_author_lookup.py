"""A username brings what is known of the author into the prediction."""

from __future__ import annotations

import threading
import time

from starlette.testclient import TestClient
from viral_common.tweets.features import AuthorHistory, KnownAuthor
from viral_common.tweets.profile import AuthorProfile
from viral_gateway.app import create_app

from tests.unit.gateway.api.test_predictions import ask
from tests.unit.gateway.fakes import NOON, FakeGateway


def test_each_author_named_is_known_to_the_model_and_the_others_stay_unknown(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()
    ada = AuthorHistory(tweets=9, settled=8, viral=5, log_likes=7.5)
    fake_gateway.records.authors["ada"] = KnownAuthor(ada)

    reply = ask(
        client, {"text": "one", "username": "ada"}, {"text": "two"}, {"text": "three", "username": "new"}
    )

    assert [tweet.author for tweet in model.calls[0]] == [ada, None, AuthorHistory()]
    predictions = reply.json()["predictions"]
    assert predictions[0]["author"] == {"tweets": 9, "settled": 8, "viral": 5}
    assert "author" not in predictions[1]
    assert predictions[2]["author"] == {"tweets": 0, "settled": 0, "viral": 0}


def test_with_postgres_away_authors_are_unknown_and_predictions_go_on(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()
    fake_gateway.records.away = True

    reply = ask(
        client,
        {"text": "one", "username": "ada"},
        {"text": "two", "username": "ada", "author": {"followers": 7}},
    )

    assert reply.status_code == 200
    assert [tweet.author for tweet in model.calls[0]] == [None, None]
    assert [one.get("author") for one in reply.json()["predictions"]] == [None, {"followers": 7}]


def test_a_silent_postgres_costs_a_prediction_the_author_and_a_moment(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()
    spoken = threading.Event()
    fake_gateway.records.find_authors = lambda *_: spoken.wait(10) and []  # type: ignore[method-assign,assignment]
    silent = TestClient(create_app(fake_gateway.build()))

    started = time.monotonic()
    reply = ask(silent, {"text": "one", "username": "ada"})
    took_s = time.monotonic() - started
    spoken.set()

    assert reply.status_code == 200
    assert took_s < 2
    assert [tweet.author for tweet in model.calls[0]] == [None]


def test_the_form_says_what_was_known_of_the_author(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    fake_gateway.records.authors["ada"] = KnownAuthor(
        AuthorHistory(tweets=9, settled=8, viral=5, log_likes=7.5)
    )

    known = client.post("/", data={"text": "hello", "username": "ada"}).text
    unknown = client.post("/", data={"text": "hello"}).text

    assert "5 of 8 earlier tweets of this author got a like." in known
    assert "Nothing is known of the account" in unknown


def test_what_the_caller_says_wins_and_the_stored_profile_fills_the_rest(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()
    stored = AuthorProfile(followers=10, posts=20, verified=False, read_at=NOON)
    fake_gateway.records.authors["ada"] = KnownAuthor(profile=stored)
    own = AuthorProfile(followers=11, posts=21, verified=True)
    said = {"followers": 11, "posts": 21, "verified": True}

    reply = ask(
        client,
        {"text": "stored", "username": "ada"},
        {"text": "both", "username": "ada", "author": {"followers": 0, "listed": 3}},
        {"text": "said", "username": "ada", "author": said},
        {"text": "said of nobody stored", "username": "bob", "author": said},
    )

    filled = AuthorProfile(followers=0, posts=20, listed=3, verified=False, read_at=NOON)
    assert [tweet.profile for tweet in model.calls[0]] == [stored, filled, own, own]
    first, second, third, fourth = (one["author"] for one in reply.json()["predictions"])
    seen = {"tweets": 0, "settled": 0, "viral": 0}
    read_at = {"profile_read_at": "2026-11-23T12:00:00Z"}
    assert first == seen | read_at | {"followers": 10, "posts": 20, "verified": False}
    assert second == seen | read_at | {"followers": 0, "posts": 20, "listed": 3, "verified": False}
    assert third == fourth == seen | said
