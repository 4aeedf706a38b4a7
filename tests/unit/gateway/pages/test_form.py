"""The web form filled in and sent, as a browser without JavaScript does it."""

from __future__ import annotations

import pytest
from markupsafe import escape
from starlette.testclient import TestClient
from viral_gateway.pages.form import EXAMPLES
from viral_gateway.prediction.batching import QueueFull, Scoring

from tests.unit.gateway.fakes import FakeGateway


def test_why_and_what_if_are_one_batch(client: TestClient, fake_gateway: FakeGateway) -> None:
    model = fake_gateway.serve()

    client.post("/", data={"text": "three little words"})

    assert sum(map(len, model.calls)) == 1 + 3 + 24 + 1


def test_an_example_is_one_click(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    for name, form in EXAMPLES.items():
        page = client.post("/", data={"example": name})
        assert page.status_code == 200
        assert 'class="number"' in page.text
        assert escape(form.text) in page.text

    assert len(EXAMPLES) == 6
    assert client.post("/", data={"example": "Nothing"}).status_code == 422


def test_a_full_queue_keeps_the_text(
    client: TestClient, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_gateway.serve()

    async def full(*_: object) -> list[float]:
        raise QueueFull("1,024 tweets are waiting")

    monkeypatch.setattr(Scoring, "score_tweets", full)
    page = client.post("/", data={"text": "keep me"})

    assert page.status_code == 503
    assert page.headers["retry-after"] == "1"
    assert "keep me</textarea>" in page.text


def test_the_length_is_counted_without_javascript_too(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    page = client.post("/", data={"text": "日本語 https://example.com"}).text

    assert '<span id="count">30</span> of 280' in page


def test_the_result_shows_number_words_weights_and_keeps_the_input(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.4)

    page = client.post(
        "/", data={"text": "a good day", "photos_count": "2", "has_video": "on", "username": "ada"}
    )

    assert page.status_code == 200
    assert "60%" in page.text
    assert "Likely to get a like" in page.text
    assert '<mark class="up-much" title="+20.0">good</mark>' in page.text
    assert '<bdi class="up-much">good</bdi> <b>+20.0</b>' in page.text
    assert "a good day</textarea>" in page.text
    assert 'name="photos_count" value="2" checked' in page.text
    assert 'name="has_video" checked' in page.text
    assert 'value="ada"' in page.text


def test_the_form_asks_for_the_models_own_threshold_and_says_what_is_usual(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.3, likes_threshold=100, decision_threshold=0.1, viral_rate=0.02)

    page = client.post("/", data={"text": "a day"}).text

    assert "<h1>Will this tweet get more than 100 likes?</h1>" in page
    assert "Unlikely to get more than 100 likes, yet 15.0 times as likely as usual" in page
    assert "2.0% of the tweets it learned from got more than 100 likes" in page


@pytest.mark.parametrize(("words", "left_out"), [(60, False), (61, True)])
def test_words_that_were_not_weighed_are_owned_up_to(
    client: TestClient, fake_gateway: FakeGateway, words: int, left_out: bool
) -> None:
    fake_gateway.serve()

    page = client.post("/", data={"text": "word " * words}).text

    assert ("Only the first 60 words were weighed" in page) is left_out


def test_what_was_typed_is_escaped(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    page = client.post("/", data={"text": "</textarea><script>alert(1)</script>", "username": '"><i>'})

    assert "<script>alert" not in page.text
    assert '"><i>' not in page.text


@pytest.mark.parametrize(
    ("fields", "name", "says"),
    [
        ({"text": "x" * 4001}, "text", "4,000 characters"),
        ({"text": "  "}, "text", "Write a tweet first"),
        ({"text": "keep me", "created_at": "yesterday"}, "created_at", "2026-11-23T18:30"),
        ({"text": "keep me", "photos_count": "9"}, "photos_count", "0 to 4"),
        ({"text": "keep me", "photos_count": "many"}, "photos_count", "0 to 4"),
        ({"text": "keep me", "username": "x" * 51}, "username", "50 characters"),
    ],
)
def test_an_error_stands_at_its_field_and_the_text_is_kept(
    client: TestClient, fake_gateway: FakeGateway, fields: dict[str, str], name: str, says: str
) -> None:
    fake_gateway.serve()

    page = client.post("/", data=fields)

    assert page.status_code == 422
    assert says in page.text
    assert f'id="{name}-wrong"' in page.text
    assert f"{fields['text']}</textarea>" in page.text


def test_a_photo_without_text_is_a_tweet(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert client.post("/", data={"text": "", "photos_count": "1"}).status_code == 200


def test_a_multipart_form_works_too(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert client.post("/", data={"text": "hi"}, files={"x": b"y"}).status_code == 200


def test_ten_thousand_fields_are_refused(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert client.post("/", data={f"f{n}": "1" for n in range(10_000)}).status_code == 400


def test_json_at_the_forms_address_is_refused(client: TestClient) -> None:
    assert client.post("/", json={"text": "hi"}).status_code == 415
