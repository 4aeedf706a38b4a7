"""The Python client against a real gateway."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from viral_client import Author, Client, FieldError, GatewayAway, GatewayError, Post, Tweet

from tests.integration.gateway.processes import NOWHERE, GatewayProcess


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[Client]:
    with Client(f"http://127.0.0.1:{gateway.port}") as client:
        yield client


def test_each_call_gives_what_the_gateway_says(client: Client) -> None:
    reply = client.predict(["hello", Tweet(text="a #tag", photos_count=2, username="ada")], explain=True)

    assert len(reply.predictions) == 2
    assert reply.predictions[1].features.photos_count == 2
    assert reply.predictions[1].author
    assert [word.word for word in reply.predictions[0].explanation or []] == ["hello"]
    assert reply.predictions[0].usual
    ranking = client.rank(["hello", "hello", "a #tag"], Post(author=Author(followers=1_200)))
    assert sorted(draft.index for draft in ranking.drafts) == [0, 1, 2]
    assert ranking.author == Author(followers=1_200)
    assert ranking.model == reply.model
    details = client.get_model()
    assert details.version == reply.model.version
    assert details.simulated
    [version] = client.list_models()
    assert version.champion
    assert version.verdict
    assert version.verdict.outcome == "promoted"
    [batch] = client.list_batches()
    assert batch.trained
    assert batch.promoted
    assert batch.collected
    assert not client.list_models(offset=1)
    assert not client.list_batches(offset=1)
    assert client.get_readiness().ready
    assert next(client.stream_events(since=0)) == details


def test_a_refusal_is_an_exception_that_points_at_the_fault(client: Client) -> None:
    with pytest.raises(GatewayError) as refused:
        client.predict([Tweet(text="fine"), Tweet(text="x", photos_count=5)])

    assert (refused.value.status, refused.value.title) == (422, "Unprocessable Content")
    assert refused.value.errors == [
        FieldError("Input should be less than or equal to 4", "#/tweets/1/photos_count")
    ]
    assert refused.value.retry_after is None
    assert refused.value.request_id


def test_nobody_there_is_an_exception_of_its_own() -> None:
    with Client(f"http://{NOWHERE}") as client, pytest.raises(GatewayAway, match="does not answer"):
        client.get_readiness()
