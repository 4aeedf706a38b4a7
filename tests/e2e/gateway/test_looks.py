"""Every page for every reader: axe-core finds nothing, 320 pixels are enough, light and dark differ."""

from __future__ import annotations

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect
from viral_common.stores.trail import BatchTrail
from viral_gateway.serving.champion import Refusal

from tests.e2e.gateway.conftest import Open
from tests.unit.gateway.fakes import NOON, FakeGateway, make_act, make_batch, make_trail

NARROW = {"viewport": {"width": 320, "height": 640}}
TWEET = "a good and bad day #fun https://example.com/" + "long" * 60
PATHS = {
    "not found": "/nowhere",
    "pipeline": "/pipeline",
    "docs": "/docs",
    "drafts": "/drafts",
    "ranking": "/drafts",
}
PAGES = ["form", "result", "error", "drafts", "ranking", "first run", "not found", "pipeline"]
# A button in a button, and headings that skip a rank: its markup, which is not ours to change.
OF_SWAGGER_UI = ["nested-interactive", "heading-order"]


def overflow(page: Page) -> int:
    """Pixels that stand out at the right."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def shown(name: str, fake_gateway: FakeGateway, open_page: Open, **options: object) -> Page:
    """One of the pages, with all that can be opened open."""
    fake_gateway.records.trails = [make_trail("simulated")]
    fake_gateway.records.acts = [make_act(2), make_act(1)]
    if name == "first run":
        fake_gateway.records.trails = [BatchTrail(make_batch("simulated"), None, None, None)]
    else:
        fake_gateway.serve(simulated=True, says_likes=True)
        fake_gateway.holder.refused = Refusal(4, 4, "model.onnx: 3 bytes, manifest.json says 9", NOON)
    page = open_page(PATHS.get(name, "/"), **options)
    if name in ("result", "error"):
        page.get_by_label("Your tweet").fill(TWEET if name == "result" else " ")
        page.keyboard.press("Control+Enter")
        expect(page.locator(".number" if name == "result" else "#text-wrong")).to_be_visible()
    if name == "ranking":
        for number, text in enumerate([TWEET, f"good {TWEET}", f"{TWEET} bad bad"], 1):
            page.get_by_label(f"Draft {number}", exact=True).fill(text)
        page.get_by_label("Followers").fill("9,000")
        page.get_by_role("button", name="Compare").click()
        expect(page.locator(".ranking")).to_be_visible()
    for closed in page.locator("summary").all():
        closed.click()
    return page


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation(fake_gateway: FakeGateway, open_page: Open, name: str, scheme: str) -> None:
    page = shown(name, fake_gateway, open_page, color_scheme=scheme, reduced_motion="reduce")

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_in_the_apis_page_only_what_swagger_ui_nests(open_page: Open, scheme: str) -> None:
    page = open_page("/docs", color_scheme=scheme, reduced_motion="reduce")
    expect(page.locator(".opblock")).to_have_count(10)

    found = Axe().run(page, options={"rules": {rule: {"enabled": False} for rule in OF_SWAGGER_UI}})

    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("name", [*PAGES, "docs"])
def test_nothing_overflows_at_320_pixels(fake_gateway: FakeGateway, open_page: Open, name: str) -> None:
    assert overflow(shown(name, fake_gateway, open_page, **NARROW)) == 0


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_dark_and_light_differ(fake_gateway: FakeGateway, open_page: Open, path: str) -> None:
    fake_gateway.serve()

    colours = [
        open_page(path, color_scheme=scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]

    assert colours[0] != colours[1]
