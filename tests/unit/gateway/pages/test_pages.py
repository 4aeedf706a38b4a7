"""The pages as a browser without JavaScript gets them."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import viral_gateway
from starlette.testclient import TestClient
from viral_gateway.app import create_app
from viral_gateway.serving.champion import Refusal

from tests.unit.gateway.fakes import NOON, FakeGateway, make_champion


def test_the_form_is_there_with_the_models_badge(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)

    page = client.get("/")

    assert page.status_code == 200
    assert '<textarea id="text"' in page.text
    assert "version 3" in page.text
    assert "0.701" in page.text
    assert "simulated" not in page.text


def test_the_badge_says_on_how_many_tweets_and_links_the_run(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(version=3)
    assert "AUC on test tweets" in client.get("/").text

    fake_gateway.holder.current = replace(
        fake_gateway.holder.get_serving(), model=make_champion(3).model_copy(update={"test_count": 7310})
    )

    page = client.get("/").text
    assert "on 7,310 test tweets" in page
    assert f"#/runs/{3:032x}" in page


def test_an_unknown_page_is_a_page_for_people_and_a_problem_for_programs(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve()
    browser = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}

    page = client.get("/nowhere", headers=browser)
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")
    assert "Nothing lives here" in page.text

    for path, headers in (("/nowhere", {}), ("/v1/nowhere", browser)):
        problem = client.get(path, headers=headers)
        assert (problem.status_code, problem.headers["content-type"]) == (404, "application/problem+json")


def test_a_page_with_all_it_loads_is_under_60_kb(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()
    text = "word " * 50 + "https://example.com"

    page = client.post("/", data={"text": text}).text
    loaded = {"/static/form.js", *re.findall(r'(?:src|href)="(/static/[^"]+)"', page)}
    for script in sorted(loaded):
        loaded |= {
            f"/static/{name}" for name in re.findall(r'from "./([a-z_]+.js)"', client.get(script).text)
        }

    assert len(loaded) >= 8
    assert len(page.encode()) + sum(len(client.get(path).content) for path in loaded) < 60_000


def test_the_page_says_what_is_kept(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    assert "keeps no text." in client.get("/").text

    fake_gateway.settings["log_predictions"] = True
    with TestClient(create_app(fake_gateway.build())) as remembering:
        assert "keeps no text, only features and probabilities" in remembering.get("/").text


def test_all_scripts_together_are_under_350_lines() -> None:
    folder = Path(viral_gateway.__file__).parent / "static"

    assert sum(len(script.read_text().splitlines()) for script in folder.glob("*.js")) < 350


def test_a_model_of_simulated_tweets_is_marked(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(simulated=True)

    assert '<span class="tag">simulated</span>' in client.get("/").text


def test_a_refused_artefact_shows_on_the_page(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve(version=3)
    fake_gateway.holder.refused = Refusal(4, 4, "model.onnx: 3 bytes, manifest.json says 9", NOON)

    for path in ("/", "/pipeline"):
        page = client.get(path)
        assert "Version 4 was refused" in page.text
        assert "Version 3 serves on" in page.text


def test_what_is_read_aloud_is_said_within_a_part_that_stays(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    first_run = client.get("/").text
    fake_gateway.serve()
    form = client.get("/").text

    for page in (first_run, form):
        for tag in re.findall(r'<[^>]+(?:role="status"|aria-live)[^>]*>', page):
            assert not re.search(r"data-swap|hidden", tag), tag
    assert re.search(r'<div aria-live="polite">\s*<div id="progress" data-swap>', first_run)
    assert re.search(r'<div role="status"[^>]*>\s*<p id="takeover" class="note" hidden>', form)


def test_pages_and_docs_load_nothing_foreign(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    for path in ("/", "/drafts", "/pipeline", "/docs"):
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
