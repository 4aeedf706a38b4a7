"""What the form's page says before the first model."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient
from viral_common.stores.trail import BatchTrail

from tests.unit.gateway.fakes import FakeGateway, make_batch, make_training, make_verdict


def test_before_the_first_model_the_page_tells_what_the_pipeline_does(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.records.trails = [BatchTrail(make_batch("simulated"), None, None, None)]

    page = client.get("/")

    assert page.status_code == 200
    assert "48,210 tweets kept" in page.text
    assert "simulated" in page.text
    assert "<form" not in page.text


def test_the_first_run_page_tells_of_the_batch_that_brings_the_first_model(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    too_small = BatchTrail(make_batch(), None, make_verdict(1, "untrainable"), None)
    judged = BatchTrail(make_batch(), make_training(2), None, None)
    newest = BatchTrail(make_batch(collected=False), None, None, None)
    fake_gateway.records.trails = [newest, judged, too_small]

    page = client.get("/").text

    assert "version 2, at 23 Nov 2026" in page
    assert list_states(page) == ["done", "done", "running", "waiting"]


@pytest.mark.parametrize("collected", [True, False])
def test_the_first_run_page_without_any_batch_or_postgres(
    client: TestClient, fake_gateway: FakeGateway, collected: bool
) -> None:
    assert "has not opened a batch yet" in client.get("/").text

    fake_gateway.records.trails = [BatchTrail(make_batch(collected=collected), None, None, None)]
    assert client.get("/").status_code == 200

    fake_gateway.records.away = True
    page = client.get("/")
    assert page.status_code == 200
    assert "Postgres does not answer" in page.text
    assert "has not opened a batch yet" not in page.text


def test_an_empty_batch_trains_nothing(client: TestClient, fake_gateway: FakeGateway) -> None:
    empty = make_batch()
    empty.tweet_count = 0
    fake_gateway.records.trails = [BatchTrail(empty, None, None, None)]

    page = client.get("/").text

    assert list_states(page) == ["done", "ended", "waiting", "waiting"]
    assert "no tweet was left; the next batch is awaited" in page


def test_history_alone_trains_nothing(client: TestClient, fake_gateway: FakeGateway) -> None:
    history = make_batch()
    history.history_only = True
    fake_gateway.records.trails = [BatchTrail(history, None, None, None)]

    page = client.get("/").text

    assert list_states(page) == ["done", "ended", "waiting", "waiting"]
    assert "the next one is awaited" in page
    assert client.get("/v1/batches").json()["batches"][0]["collected"]["history_only"] is True


def test_a_tweet_sent_before_the_first_model_is_kept(client: TestClient) -> None:
    page = client.post("/", data={"text": "keep me"})

    assert page.status_code == 503
    assert "retry-after" in page.headers
    assert "keep me</textarea>" in page.text


def list_states(page: str) -> list[str]:
    """List the states of the four steps."""
    return re.findall(r'<li class="(\w+)"><div>', page)
