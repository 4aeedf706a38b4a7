"""What the page does while someone types."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from playwright.sync_api import expect
from viral_gateway.pages.tweet_length import compute_tweet_length

from tests.e2e.gateway.conftest import Open
from tests.unit.gateway.fakes import FakeGateway
from tests.unit.gateway.pages.lengths import LENGTHS

COUNT = """async (texts) => {
  const { counter } = await import("/static/length.js");
  return texts.map(counter(JSON.parse(document.getElementById("ask").dataset.rules)));
}"""
PIECES = [
    "hello ",
    "http://",
    "https://a.",
    "b.",
    "com",
    "/x(y)",
    "?q=",
    "co.uk",
    ".",
    "@",
    "#",
    " ",
    "é",
    "e\u0301",
]
PIECES += [
    "日",
    "한",
    "👍",
    "🏽",
    "\u200d",
    "\ufe0f",
    "❤",
    "1",
    "\u20e3",
    "🇩",
    "🇪",
    "—",
    "…",
    "©",
    "𝒳",
    "\u212a",
    "ſ",
]


@pytest.fixture(autouse=True)
def a_model_serves(fake_gateway: FakeGateway) -> None:
    fake_gateway.serve()


def test_the_page_counts_as_python_and_twitter_do(open_page: Open) -> None:
    draw = Random(5)
    texts = ["".join(draw.choices(PIECES, k=draw.randint(1, 12))) for _ in range(500)]

    counted = open_page().evaluate(COUNT, [text for text, _ in LENGTHS] + texts)

    assert counted == [length for _, length in LENGTHS] + [compute_tweet_length(text) for text in texts]


def test_the_ring_fills_and_says_when_it_is_too_much(open_page: Open) -> None:
    page = open_page()
    length, ring, text = page.locator("#length"), page.locator("#ring"), page.get_by_label("Your tweet")

    text.fill("日" * 70)
    expect(length).to_have_text("140 of 280")
    expect(ring).to_have_attribute("stroke-dasharray", "50 100")

    text.fill("日" * 141)
    expect(length).to_have_class("length over")
    expect(page.locator("#said")).to_have_text("2 characters too many")


def test_the_length_is_said_only_after_the_typing_stops(open_page: Open) -> None:
    page = open_page("/nowhere")
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    page.clock.install(time=noon)
    page.goto(page.url.removesuffix("nowhere"))
    page.clock.pause_at(noon + timedelta(minutes=5))  # on a busy machine a second passes between two keys
    said = page.locator("#said")

    page.keyboard.type("hello")
    page.clock.run_for(1_000)
    page.keyboard.type("!")
    page.clock.run_for(1_000)
    expect(said).to_have_text("")

    page.clock.run_for(300)
    expect(said).to_have_text("274 characters left")


def test_the_tweet_is_drawn_as_it_would_look_and_never_as_markup(open_page: Open) -> None:
    page = open_page()
    card = page.locator("#preview")
    expect(card).to_be_hidden()

    page.get_by_label("Your tweet").fill("<img src=x onerror=alert(1)> #fun @ada")
    page.get_by_label("Username").fill("@grace")
    page.get_by_label("2", exact=True).check()
    page.get_by_label("Quotes a tweet").check()

    expect(card.locator(".said")).to_have_text("<img src=x onerror=alert(1)> #fun @ada")
    expect(card.locator("img")).to_have_count(0)
    expect(card.locator(".special")).to_have_text(["#fun", "@ada"])
    expect(card.locator(".by")).to_have_text("grace @grace")
    expect(card.locator(".photo")).to_have_count(2)
    expect(card.get_by_text("The tweet that it quotes")).to_be_visible()
