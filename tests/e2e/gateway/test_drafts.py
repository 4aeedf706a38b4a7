"""The page that compares drafts as people use it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.e2e.gateway.conftest import Open
from tests.unit.gateway.fakes import FakeGateway


@pytest.mark.parametrize("javascript", [True, False])
def test_four_drafts_are_ranked_with_and_without_javascript(
    fake_gateway: FakeGateway, open_page: Open, javascript: bool
) -> None:
    fake_gateway.serve(base=0.4, says_likes=True)
    page = open_page(java_script_enabled=javascript)
    page.get_by_role("link", name="Compare drafts").click()

    for number, text in enumerate(["a plain one", "a bad one", "a good good one"], 1):
        page.get_by_label(f"Draft {number}", exact=True).fill(text)
    page.get_by_role("button", name="Add another draft").click()
    expect(page.get_by_label("Draft 5")).to_be_hidden()
    page.get_by_label("Draft 4").fill("another plain one")
    page.get_by_label("Followers").fill("9,000")
    page.get_by_role("button", name="Compare").click()

    said = page.locator(".ranking .said")
    expect(said).to_have_text(["a good good one", "a plain one", "another plain one", "a bad one"])
    expect(page.locator(".alike")).to_have_text(["These two cannot be told apart."])
    expect(page.locator(".ranking > li")).to_have_count(3)
    expect(page.locator(".ranking")).to_contain_text("about 24 likes, in four of five cases 10 to 66")
    expect(page.locator(".usual-for")).to_have_text("Usual for an account like this: 40%")
    expect(page.get_by_label("Draft 4")).to_have_value("another plain one")
    expect(page.get_by_label("Followers")).to_have_value("9,000")


def test_the_tenth_draft_is_the_last_and_each_new_one_has_the_focus(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    fake_gateway.serve()
    page = open_page("/drafts")
    more = page.get_by_role("button", name="Add another draft")

    for number in range(4, 11):
        more.click()
        expect(page.get_by_label(f"Draft {number}", exact=True)).to_be_focused()

    expect(more).to_be_hidden()


def test_on_a_phone_the_ranking_comes_into_sight(fake_gateway: FakeGateway, open_page: Open) -> None:
    fake_gateway.serve()
    page = open_page("/drafts", viewport={"width": 375, "height": 700})
    for number in (1, 2):
        page.get_by_label(f"Draft {number}", exact=True).fill("hello")

    page.get_by_role("button", name="Compare").click()

    expect(page.get_by_text("Ranking of version 3")).to_be_in_viewport()
