"""The web form as people use it."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect
from viral_common.trail import BatchTrail

from tests.e2e.gateway.conftest import Open
from tests.unit.gateway.fakes import World, a_batch

NARROW = {"viewport": {"width": 320, "height": 640}}


def overflow(page: Page) -> int:
    """Pixels that stand out at the right."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


@pytest.mark.parametrize("javascript", [True, False])
def test_a_tweet_is_answered_with_and_without_javascript(
    world: World, open_page: Open, javascript: bool
) -> None:
    world.serve(base=0.45)
    page = open_page(java_script_enabled=javascript)

    page.get_by_label("Your tweet").fill("a good day")
    page.get_by_label("Photos").select_option("3")
    page.get_by_label("Has a video").check()
    page.get_by_label("Posted at").fill("2026-11-23T18:30")
    page.get_by_role("button", name="Predict").click()

    expect(page.locator(".number")).to_have_text("65%")
    expect(page.locator(".words")).to_have_text("Likely to get a like")
    expect(page.get_by_text("+20.0")).to_be_visible()
    expect(page.get_by_label("Your tweet")).to_have_value("a good day")
    expect(page.get_by_label("Photos")).to_have_value("3")
    expect(page.get_by_label("Has a video")).to_be_checked()
    expect(page.get_by_label("Posted at")).to_have_value("2026-11-23T18:30")


def test_the_features_open_on_demand(world: World, open_page: Open) -> None:
    world.serve()
    page = open_page()
    page.get_by_label("Your tweet").fill("hello #world")
    page.get_by_label("Posted at").fill("2026-11-23T18:30")
    page.get_by_role("button", name="Predict").click()

    page.get_by_text("What the model saw").click()

    expect(page.get_by_text("Monday")).to_be_visible()
    expect(page.get_by_text("18:00")).to_be_visible()


def test_it_works_by_keyboard_alone(world: World, open_page: Open) -> None:
    world.serve()
    page = open_page()

    page.keyboard.type("typed without a click")
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "Predict":
            break
    page.keyboard.press("Enter")

    expect(page.locator(".number")).to_have_text("50%")


def test_an_error_stands_at_its_field(world: World, open_page: Open) -> None:
    world.serve()
    page = open_page()

    page.get_by_role("button", name="Predict").click()

    field = page.get_by_label("Your tweet")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(page.locator(f"#{field.get_attribute('aria-describedby')}")).to_contain_text("Write a tweet first")


def test_line_breaks_and_markup_come_back_as_typed(world: World, open_page: Open) -> None:
    world.serve()
    page = open_page()
    typed = "\nfirst\n\n<b>second</b> & 🎉 مرحبا"

    page.get_by_label("Your tweet").fill(typed)
    page.get_by_role("button", name="Predict").click()

    expect(page.get_by_label("Your tweet")).to_have_value(typed)


def test_a_new_model_is_announced_on_the_open_page(world: World, open_page: Open) -> None:
    world.serve(version=3)
    page = open_page()
    page.get_by_label("Your tweet").fill("unfinished")

    world.serve(version=4)
    world.announcements.publish()

    expect(page.get_by_role("status")).to_contain_text("Version 4 has just taken over")
    expect(page.get_by_label("Your tweet")).to_have_value("unfinished")


def test_the_first_run_page_gives_way_to_the_form(world: World, open_page: Open) -> None:
    world.records.trails = [BatchTrail(a_batch("simulated"), None, None, None)]
    page = open_page()
    expect(page.get_by_text("The first model is on its way")).to_be_visible()

    world.serve(version=1)
    world.announcements.publish()

    expect(page.get_by_label("Your tweet")).to_be_visible()


def test_dark_and_light_differ(world: World, open_page: Open) -> None:
    world.serve()

    colours = [
        open_page(color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert colours[0] != colours[1]


def test_nothing_overflows_at_320_pixels(world: World, open_page: Open) -> None:
    assert overflow(open_page(**NARROW)) == 0

    world.serve(simulated=True)
    page = open_page(**NARROW)
    page.get_by_label("Your tweet").fill("short and " + "long" * 60)
    page.get_by_role("button", name="Predict").click()

    expect(page.locator(".number")).to_be_visible()
    assert overflow(page) == 0
