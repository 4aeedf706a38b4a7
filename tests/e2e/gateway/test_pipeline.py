"""The pipeline page in a real browser, with a month of batches."""

from __future__ import annotations

from itertools import pairwise

import pytest
from playwright.sync_api import Page, expect

from tests.e2e.gateway.conftest import Open
from tests.e2e.gateway.test_looks import NARROW, overflow
from tests.unit.gateway.fakes import FakeGateway, make_champion
from tests.unit.gateway.trails import make_trails


@pytest.fixture
def month(fake_gateway: FakeGateway) -> FakeGateway:
    """Thirty-four batches; version 30 serves."""
    fake_gateway.serve(version=30)
    fake_gateway.records.newest = make_champion(30)
    fake_gateway.records.trails = make_trails(34, "simulated")
    return fake_gateway


@pytest.mark.parametrize("javascript", [True, False])
def test_it_shows_a_month_with_and_without_javascript(
    month: FakeGateway, open_page: Open, javascript: bool
) -> None:
    page = open_page("/pipeline", java_script_enabled=javascript)

    drawing = page.get_by_role("img", name="AUC on each batch’s test tweets")
    expect(drawing).to_be_visible()
    expect(
        page.locator("main").get_by_text("Version 33 is not clearly better than champion 30")
    ).to_be_visible()
    batches = page.get_by_role("list", name="Batches, newest first")
    expect(batches.locator(":scope > li")).to_have_count(30)
    expect(batches.get_by_text("simulated", exact=True)).to_have_count(30)
    versions = page.get_by_role("region", name="Versions, newest first")
    expect(versions.get_by_text("champion", exact=True)).to_have_count(1)

    page.get_by_role("link", name="Older batches").click()

    expect(batches.locator(":scope > li")).to_have_count(4)
    expect(page.get_by_role("link", name="Newer batches")).to_be_visible()


def test_a_batchs_drift_opens_by_keyboard(month: FakeGateway, open_page: Open) -> None:
    page = open_page("/pipeline")
    drift = page.get_by_role("list", name="Batches, newest first").locator("details").first
    expect(drift.get_by_role("table")).to_be_hidden()

    drift.locator("summary").focus()
    page.keyboard.press("Enter")

    expect(drift.get_by_role("table")).to_be_visible()
    expect(drift.get_by_text("Siddiqi")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_overflows_or_touches_at_320_pixels(month: FakeGateway, open_page: Open, scheme: str) -> None:
    page = open_page("/pipeline", color_scheme=scheme, **NARROW)

    page.evaluate("document.querySelectorAll('details').forEach((drift) => { drift.open = true; })")

    assert overflow(page) == 0
    assert overlapping(sides(page, ".plot text.date")) == 0
    assert overlapping(sides(page, ".plot text.name")) == 0
    [card] = sides(page, "figure.chart")
    dots = sides(page, ".plot circle")
    assert card[0] < min(left for left, _ in dots)
    assert card[1] > max(right for _, right in dots)


def test_the_drawing_can_be_told_from_its_ground_in_both_schemes(month: FakeGateway, open_page: Open) -> None:
    colours = {
        scheme: open_page("/pipeline", color_scheme=scheme).evaluate(
            "getComputedStyle(document.querySelector('.plot .champion circle')).fill"
        )
        for scheme in ("light", "dark")
    }

    assert colours["light"] != colours["dark"]


def sides(page: Page, elements: str) -> list[tuple[float, float]]:
    """Where each begins and ends, from left to right."""
    found = page.locator(elements).evaluate_all(
        "all => all.map((one) => one.getBoundingClientRect()).map((box) => [box.left, box.right])"
    )
    assert found
    return sorted((left, right) for left, right in found)


def overlapping(words: list[tuple[float, float]]) -> int:
    """How many neighbours cover each other."""
    return sum(left[1] > right[0] for left, right in pairwise(words))
