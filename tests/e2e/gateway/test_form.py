"""The web form as people use it."""

from __future__ import annotations

import re
import subprocess
import sys
from datetime import datetime

import numpy as np
import pytest
from numpy.typing import NDArray
from playwright.sync_api import expect

from tests.e2e.gateway.conftest import Open, predict
from tests.unit.gateway.fakes import FakeGateway


@pytest.mark.parametrize("javascript", [True, False])
def test_a_tweet_is_answered_with_and_without_javascript(
    fake_gateway: FakeGateway, open_page: Open, javascript: bool
) -> None:
    fake_gateway.serve(base=0.45)
    page = open_page(java_script_enabled=javascript)

    page.get_by_label("3", exact=True).check()
    page.get_by_label("Has a video").check()
    page.get_by_label("Posted at").fill("2026-11-23T18:30")
    predict(page, "a good day")

    expect(page.locator(".number")).to_have_text("65%")
    expect(page.locator(".words")).to_have_text("Likely to get a like")
    expect(page.get_by_role("meter", name="Probability")).to_have_attribute("aria-valuenow", "65.0")
    expect(page.get_by_text("usual 45%")).to_be_visible()
    expect(page.locator(".usual-for")).to_have_text("Usual for an account like this: 45%")
    expect(page.get_by_text("+20.0 points against the usual")).to_be_visible()
    expect(page.get_by_text("A hint, not a cause.")).to_be_visible()
    expect(page.locator(".lists li")).to_have_text("good +20.0")
    expect(page.get_by_role("row", name="Without the video")).to_be_visible()
    expect(page.get_by_label("Your tweet")).to_have_value("a good day")
    expect(page.get_by_label("3", exact=True)).to_be_checked()
    expect(page.get_by_label("Has a video")).to_be_checked()
    expect(page.get_by_label("Posted at")).to_have_value("2026-11-23T18:30")


@pytest.mark.parametrize("javascript", [True, False])
def test_an_example_is_one_click(fake_gateway: FakeGateway, open_page: Open, javascript: bool) -> None:
    fake_gateway.serve()
    page = open_page(java_script_enabled=javascript)

    page.get_by_role("button", name="Holiday photos").click()

    expect(page.locator(".number")).to_be_visible()
    expect(page.get_by_label("Your tweet")).to_have_value(re.compile("Sunrise"))
    expect(page.get_by_label("3", exact=True)).to_be_checked()


@pytest.mark.parametrize("keys", ["Control+Enter", "Meta+Enter"])
def test_keys_ask_from_within_the_text_without_a_new_page(
    fake_gateway: FakeGateway, open_page: Open, keys: str
) -> None:
    fake_gateway.serve()
    page = open_page()
    page.evaluate("window.samePage = true")

    page.keyboard.type("typed without a click")
    page.keyboard.press(keys)

    expect(page.locator(".number")).to_have_text("50%")
    expect(page).to_have_title(re.compile("^50% likely"))
    expect(page.get_by_label("Your tweet")).to_be_focused()
    assert page.evaluate("window.samePage")


def test_everything_is_reached_by_keyboard_in_order_and_shows_its_focus(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    fake_gateway.serve()
    page = open_page()
    walked = []

    page.keyboard.type("hi")
    while (at := page.evaluate(FOCUSED))[0] != "A thank you":
        assert at[1], f"{at[0]} does not show that it has the focus"
        walked.append(at[0])
        page.keyboard.press("Tab")
        assert len(walked) < 30

    account = ["username", "followers", "following", "posts", "account_since"]
    stops = ["text", "photos_count", "has_video", "is_quote_tweet", "created_at", *account, "Predict"]
    assert list(dict.fromkeys(walked))[: len(stops) + 1] == [*stops, "A launch"]


FOCUSED = """() => {
  const at = document.activeElement;
  const name = at.name && at.name !== "example" ? at.name : at.textContent;
  const shows = (one) => getComputedStyle(one).outlineStyle !== "none" || getComputedStyle(one).boxShadow !== "none";
  return [name, [at, at.closest(".paper, .segments")].some((one) => one && shows(one))];
}"""


@pytest.mark.parametrize("javascript", [True, False])
def test_an_error_stands_at_its_field_and_goes_when_it_is_right(
    fake_gateway: FakeGateway, open_page: Open, javascript: bool
) -> None:
    fake_gateway.serve()
    page = open_page(java_script_enabled=javascript)

    page.get_by_role("button", name="Predict").click()

    field = page.get_by_label("Your tweet")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text("Write a tweet first")
    expect(field).to_be_focused()

    predict(page, "there it is")

    expect(field).not_to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("Write a tweet first")).to_be_hidden()


def test_without_the_gateway_the_text_is_kept_and_it_says_so(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    fake_gateway.serve()
    page = open_page()
    page.route("**/", lambda route: route.abort())

    page.get_by_label("Your tweet").fill("keep me")
    page.keyboard.press("Control+Enter")

    expect(page.get_by_role("alert")).to_contain_text("Your text is kept")
    expect(page.get_by_label("Your tweet")).to_have_value("keep me")


def test_what_the_gateway_says_is_shown_as_a_sentence(fake_gateway: FakeGateway, open_page: Open) -> None:
    fake_gateway.serve()
    page = open_page()
    page.route(
        "**/",
        lambda route: route.fulfill(
            status=429, content_type="application/problem+json", body='{"detail": "Too many."}'
        ),
    )

    page.get_by_label("Your tweet").fill("keep me")
    page.get_by_role("button", name="Predict").click()

    expect(page.get_by_role("alert")).to_have_text(
        "No answer: Too many. Your text is kept; try again in a moment."
    )


def test_line_breaks_and_markup_come_back_as_typed(fake_gateway: FakeGateway, open_page: Open) -> None:
    fake_gateway.serve()
    page = open_page(java_script_enabled=False)
    typed = "\nfirst\n\n<b>second</b> & 🎉 مرحبا"

    predict(page, typed)

    expect(page.get_by_label("Your tweet")).to_have_value(typed)


def test_what_was_asked_in_this_tab_is_remembered_until_it_is_closed(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    fake_gateway.serve(base=0.5)
    page = open_page()
    page.get_by_label("2", exact=True).check()
    predict(page, "a good one")
    page.get_by_label("0", exact=True).check()
    predict(page, "a bad one")

    page.reload()
    asked = page.locator("#history li")
    expect(asked).to_have_text([re.compile("30%.*a bad one.*version 3"), re.compile("70%.*a good one")])
    asked.nth(1).get_by_role("button").click()

    expect(page.get_by_label("Your tweet")).to_have_value("a good one")
    expect(page.get_by_label("2", exact=True)).to_be_checked()
    expect(open_page().locator("#history li")).to_have_count(0)

    page.get_by_role("button", name="Forget them").click()
    expect(asked).to_have_count(0)


def test_what_is_copied_runs_and_says_the_same(fake_gateway: FakeGateway, open_page: Open) -> None:
    fake_gateway.serve(base=0.45)
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    predict(page, 'it\'s a "good" $day & good `morning`\n🎉')
    page.get_by_text("Ask the same from a program").click()

    said: list[str] = []
    for name in ("curl", "Python"):
        page.get_by_role("button", name=f"Copy as {name}").click()
        expect(page.get_by_role("button", name="Copied")).to_have_count(len(said) + 1)
        copied = page.evaluate("navigator.clipboard.readText()")
        program = ["bash", "-c", copied] if name == "curl" else [sys.executable, "-c", copied]
        said.append(subprocess.run(program, capture_output=True, text=True, check=True, timeout=20).stdout)

    assert '"probability":0.65' in said[0]
    assert float(said[1]) == pytest.approx(0.65)


def test_the_best_hour_is_also_shown_in_local_time(fake_gateway: FakeGateway, open_page: Open) -> None:
    model = fake_gateway.serve()
    model.predict = lambda tweets: 0.5 + 0.1 * _at_six_pm([tweet.created_at for tweet in tweets])  # type: ignore[method-assign]
    page = open_page(timezone_id="Asia/Tokyo", locale="en-GB")

    page.get_by_label("Posted at").fill("2026-11-23T12:00")
    predict(page, "hello")

    expect(page.get_by_role("heading", name="Best hour to post")).to_have_text(
        "Best hour to post: Mon 18:00 UTC (03:00 where you are)"
    )


def _at_six_pm(times: list[datetime]) -> NDArray[np.float64]:
    return np.array([float(at.hour == 18) for at in times])
