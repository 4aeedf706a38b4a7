"""The web form and the pipeline page, as a browser without JavaScript gets them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
import viral_gateway
from markupsafe import escape
from starlette.testclient import TestClient
from viral_common.trail import BatchTrail
from viral_gateway.app import create_app
from viral_gateway.scoring import QueueFull, Scoring
from viral_gateway.serving import Refusal
from viral_gateway.to_try import TO_TRY

from tests.unit.gateway.fakes import NOON, World, a_batch, a_promotion, a_training, a_verdict

RARE = {"auc": 0.82, "auc_low": 0.79, "auc_high": 0.85, "average_precision": 0.432, "viral_rate": 0.09}


def test_the_form_is_there_with_the_models_badge(client: TestClient, world: World) -> None:
    world.serve(version=3)

    page = client.get("/")

    assert page.status_code == 200
    assert '<textarea id="text"' in page.text
    assert "version 3" in page.text
    assert "0.701" in page.text
    assert "simulated" not in page.text


def test_the_badge_says_on_how_many_tweets_and_links_the_run(client: TestClient, world: World) -> None:
    world.serve(version=3)
    assert "AUC on test tweets" in client.get("/").text

    world.holder.current = replace(
        world.holder.serving(), model=a_promotion(3).model_copy(update={"test_count": 7310})
    )

    page = client.get("/").text
    assert "on 7,310 test tweets" in page
    assert f"#/runs/{3:032x}" in page


def test_why_and_what_if_are_one_batch(client: TestClient, world: World) -> None:
    model = world.serve()

    client.post("/", data={"text": "three little words"})

    assert sum(map(len, model.calls)) == 1 + 3 + 24 + 1


def test_an_example_is_one_click(client: TestClient, world: World) -> None:
    world.serve()

    for number, example in enumerate(TO_TRY):
        page = client.post("/", data={"example": str(number)})
        assert page.status_code == 200
        assert 'class="number"' in page.text
        assert escape(example.form.text) in page.text

    assert len(TO_TRY) == 6
    assert client.post("/", data={"example": "99"}).status_code == 422


def test_a_full_queue_keeps_the_text(
    client: TestClient, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.serve()

    async def full(*_: object) -> list[float]:
        raise QueueFull("1,024 tweets are waiting")

    monkeypatch.setattr(Scoring, "probabilities", full)
    page = client.post("/", data={"text": "keep me"})

    assert page.status_code == 503
    assert page.headers["retry-after"] == "1"
    assert "keep me</textarea>" in page.text


def test_the_length_is_counted_without_javascript_too(client: TestClient, world: World) -> None:
    world.serve()

    page = client.post("/", data={"text": "日本語 https://example.com"}).text

    assert '<span id="count">30</span> of 280' in page


def test_an_unknown_page_is_a_page_for_people_and_a_problem_for_programs(
    client: TestClient, world: World
) -> None:
    world.serve()
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    page = client.get("/nowhere", headers=browser)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing lives here" in page.text

    for path, headers in (("/nowhere", {}), ("/v1/nowhere", browser)):
        problem = client.get(path, headers=headers)
        assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")


def test_a_page_with_all_it_loads_is_under_60_kb(client: TestClient, world: World) -> None:
    world.serve()
    text = "word " * 50 + "https://example.com"

    page = client.post("/", data={"text": text}).text
    loaded = {"/static/form.js", *re.findall(r'(?:src|href)="(/static/[^"]+)"', page)}
    for script in sorted(loaded):
        loaded |= {
            f"/static/{name}" for name in re.findall(r'from "./([a-z_]+.js)"', client.get(script).text)
        }

    assert len(loaded) >= 8
    assert len(page.encode()) + sum(len(client.get(path).content) for path in loaded) < 60_000


def test_the_page_says_what_is_kept(client: TestClient, world: World) -> None:
    world.serve()

    assert "keeps no text." in client.get("/").text

    world.settings["log_predictions"] = True
    with TestClient(create_app(world.gateway())) as remembering:
        assert "keeps no text, only features and probabilities" in remembering.get("/").text


def test_all_scripts_together_are_under_300_lines() -> None:
    folder = Path(viral_gateway.__file__).parent / "static"

    assert sum(len(script.read_text().splitlines()) for script in folder.glob("*.js")) < 300


def test_a_model_of_simulated_tweets_is_marked(client: TestClient, world: World) -> None:
    world.serve(simulated=True)

    assert '<span class="tag">simulated</span>' in client.get("/").text


def test_the_result_shows_number_words_weights_and_keeps_the_input(client: TestClient, world: World) -> None:
    world.serve(base=0.4)

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
    client: TestClient, world: World
) -> None:
    world.serve(base=0.3, likes_threshold=100, decision_threshold=0.1, viral_rate=0.02)

    page = client.post("/", data={"text": "a day"}).text

    assert "<h1>Will this tweet get more than 100 likes?</h1>" in page
    assert "Unlikely to get more than 100 likes, yet 15.0 times as likely as usual" in page
    assert "2.0% of the tweets it learned from got more than 100 likes" in page


def test_what_was_typed_is_escaped(client: TestClient, world: World) -> None:
    world.serve()

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
    client: TestClient, world: World, fields: dict[str, str], name: str, says: str
) -> None:
    world.serve()

    page = client.post("/", data=fields)

    assert page.status_code == 422
    assert says in page.text
    assert f'id="{name}-wrong"' in page.text
    assert f"{fields['text']}</textarea>" in page.text


def test_a_photo_without_text_is_a_tweet(client: TestClient, world: World) -> None:
    world.serve()

    assert client.post("/", data={"text": "", "photos_count": "1"}).status_code == 200


def test_a_multipart_form_works_too(client: TestClient, world: World) -> None:
    world.serve()

    assert client.post("/", data={"text": "hi"}, files={"x": b"y"}).status_code == 200


def test_ten_thousand_fields_are_refused(client: TestClient, world: World) -> None:
    world.serve()

    assert client.post("/", data={f"f{n}": "1" for n in range(10_000)}).status_code == 400


def test_json_at_the_forms_address_is_refused(client: TestClient) -> None:
    assert client.post("/", json={"text": "hi"}).status_code == 415


def test_before_the_first_model_the_page_tells_what_the_pipeline_does(
    client: TestClient, world: World
) -> None:
    world.records.trails = [BatchTrail(a_batch("simulated"), None, None, None)]

    page = client.get("/")

    assert page.status_code == 200
    assert "48,210 tweets kept" in page.text
    assert "simulated" in page.text
    assert "<form" not in page.text


def test_the_first_run_page_tells_of_the_batch_that_brings_the_first_model(
    client: TestClient, world: World
) -> None:
    too_small = BatchTrail(a_batch(), None, a_verdict(1, "untrainable"), None)
    judged = BatchTrail(a_batch(), a_training(2), None, None)
    newest = BatchTrail(a_batch(collected=False), None, None, None)
    world.records.trails = [newest, judged, too_small]

    page = client.get("/").text

    assert "version 2, at 23 Nov 2026" in page
    assert re.findall(r'<li class="(\w+)"><div>', page) == ["done", "done", "running", "waiting"]


@pytest.mark.parametrize("collected", [True, False])
def test_the_first_run_page_without_any_batch_or_postgres(
    client: TestClient, world: World, collected: bool
) -> None:
    assert "has not opened a batch yet" in client.get("/").text

    world.records.trails = [BatchTrail(a_batch(collected=collected), None, None, None)]
    assert client.get("/").status_code == 200

    world.records.away = True
    page = client.get("/")
    assert page.status_code == 200
    assert "Postgres does not answer" in page.text


def test_a_tweet_sent_before_the_first_model_is_kept(client: TestClient) -> None:
    page = client.post("/", data={"text": "keep me"})

    assert page.status_code == 503
    assert "retry-after" in page.headers
    assert "keep me</textarea>" in page.text


def test_a_refused_artefact_shows_on_the_page(client: TestClient, world: World) -> None:
    world.serve(version=3)
    world.holder.refused = Refusal(4, 4, "model.onnx: 3 bytes, manifest.json says 9", NOON)

    for path in ("/", "/pipeline"):
        page = client.get(path)
        assert "Version 4 was refused" in page.text
        assert "Version 3 serves on" in page.text


def test_pages_and_docs_load_nothing_foreign(client: TestClient, world: World) -> None:
    world.serve()

    for path in ("/", "/pipeline", "/docs"):
        page = client.get(path)
        loaded = re.findall(r'(?:src|rel="(?:icon|stylesheet)" href)="([^"]+)"', page.text)
        assert loaded
        for address in loaded:
            assert address.startswith("/")
            assert client.get(address).status_code == 200
        assert "default-src 'self'" in page.headers["content-security-policy"]
        assert page.headers["x-content-type-options"] == "nosniff"
        assert "<script>" not in page.text
        assert "style=" not in page.text
