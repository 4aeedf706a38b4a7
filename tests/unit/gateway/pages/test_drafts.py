"""The page that compares drafts, as a browser without JavaScript gets it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from starlette.testclient import TestClient
from viral_gateway.prediction.batching import QueueFull, Scoring

from tests.unit.gateway.fakes import FakeGateway


def compare(client: TestClient, *drafts: str, **more: str) -> Any:
    return client.post("/drafts", data={"text": list(drafts), **more})


def list_ranked(page: str) -> list[str]:
    return re.findall(r'<p class="said" dir="auto">(.*?)</p>', page)


def count_shown(page: str) -> int:
    return len(re.findall(r'<div class="draft" >', page))


def test_three_empty_drafts_are_there_at_first_and_the_form_links_the_page(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve()

    page = client.get("/drafts")

    assert page.status_code == 200
    assert count_shown(page.text) == 3
    assert 'href="/drafts"' in client.get("/").text


def test_drafts_are_listed_best_first_with_likes_and_confidence(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    fake_gateway.serve(base=0.4, says_likes=True)

    page = compare(client, "bad", "", "good good", followers="9000").text

    assert list_ranked(page) == ["good good", "bad"]
    assert "Usual for an account like this: <strong>40%</strong>" in page
    assert "Known of the account: followers 9,000." in page
    assert (
        "Draft 2 · about 24 likes, in four of five cases 10 to 66 · better than the next, so in 92 of 100"
        in page
    )
    assert 'class="alike"' not in page
    assert 'value="9000"' in page


@pytest.mark.parametrize(
    ("drafts", "says"),
    [
        (("a", "b"), "These two cannot be told apart."),
        (("a", "b", "c"), "None of these 3 can be told apart from its neighbour."),
    ],
)
def test_neighbours_that_cannot_be_told_apart_stand_under_one_line(
    client: TestClient, fake_gateway: FakeGateway, drafts: tuple[str, ...], says: str
) -> None:
    fake_gateway.serve(says_likes=True)

    page = compare(client, "good", *drafts).text

    assert page.count('class="alike"') == 1
    assert page.index(">good</p>") < page.index(says) < page.index(">a</p>")


def test_another_field_is_one_click_and_keeps_what_was_typed(
    client: TestClient, fake_gateway: FakeGateway
) -> None:
    model = fake_gateway.serve()

    more = compare(client, "one", "two", "three", more="", username="ada").text
    most = compare(client, *(f"draft {n}" for n in range(10)), more="").text

    assert (count_shown(more), count_shown(most)) == (4, 10)
    assert "three</textarea>" in more
    assert 'value="ada"' in more
    assert model.calls == []


@pytest.mark.parametrize(
    ("drafts", "more", "says"),
    [
        (["only one", " "], {}, "Write two drafts or more."),
        (["keep me", "x" * 4001], {}, "4,000 characters"),
        (["keep me", "and me"], {"followers": "many"}, "Give a whole number"),
    ],
)
def test_what_is_wrong_is_one_line_and_all_is_kept(
    client: TestClient, fake_gateway: FakeGateway, drafts: list[str], more: dict[str, str], says: str
) -> None:
    fake_gateway.serve()

    page = compare(client, *drafts, **more)

    assert page.status_code == 422
    assert says in page.text
    assert f"{drafts[0]}</textarea>" in page.text


def test_without_a_model_or_with_a_full_queue_the_drafts_are_kept(
    client: TestClient, fake_gateway: FakeGateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def full(*_: object) -> list[float]:
        raise QueueFull("1,024 tweets are waiting")

    without = compare(client, "keep me", "and me")
    fake_gateway.serve()
    monkeypatch.setattr(Scoring, "score_tweets", full)
    busy = compare(client, "keep me", "and me")

    assert client.get("/drafts").status_code == 200
    for page in (without, busy):
        assert page.status_code == 503
        assert "keep me</textarea>" in page.text
        assert "Retry-After" in page.headers


def test_what_was_typed_is_escaped(client: TestClient, fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()

    page = compare(client, "</textarea><script>alert(1)</script>", "</p><i>", username='"><i>').text

    assert "<script>alert" not in page
    assert "<i>" not in page
