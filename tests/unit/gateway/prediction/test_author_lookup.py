"""A username brings what is known of the author into the prediction."""

from __future__ import annotations

from starlette.testclient import TestClient
from viral_common.tweets.features import AuthorHistory

from tests.unit.gateway.api.test_predictions import ask
from tests.unit.gateway.fakes import FakeGateway


def test_each_author_named_is_known_to_the_model_and_the_others_stay_unknown(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()
    ada = fake_gateway.records.authors["ada"] = AuthorHistory(tweets=9, settled=8, viral=5, log_likes=7.5)

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

    reply = ask(client, {"text": "one", "username": "ada"})

    assert reply.status_code == 200
    assert model.calls[0][0].author is None
    assert "author" not in reply.json()["predictions"][0]


def test_the_form_says_what_was_known_of_the_author(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    fake_gateway.records.authors["ada"] = AuthorHistory(tweets=9, settled=8, viral=5, log_likes=7.5)

    known = client.post("/", data={"text": "hello", "username": "ada"}).text
    unknown = client.post("/", data={"text": "hello"}).text

    assert "5 of 8 earlier tweets of this author got a like." in known
    assert "Without a username" in unknown
