"""Who posts: typed once, remembered by this browser for both forms, forgotten on request."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect
from viral_common.tweets.features import AuthorHistory, KnownAuthor
from viral_common.tweets.profile import AuthorProfile

from tests.e2e.gateway.conftest import Open, predict
from tests.unit.gateway.fakes import NOON, FakeGateway


def test_the_account_is_remembered_by_the_browser_until_it_is_told_to_forget(
    fake_gateway: FakeGateway, open_page: Open, address: str
) -> None:
    model = fake_gateway.serve()
    page = open_page()
    expect(page.get_by_text("Remembered by this browser alone")).to_be_hidden()

    page.get_by_label("Followers").fill("1,200")
    page.get_by_label("Account since").fill("2015-03-01")
    predict(page, "hello")
    expect(page.get_by_text("Known of the account: followers 1,200, since 1 Mar 2015.")).to_be_visible()
    page.goto(f"{address}/drafts")

    expect(page.get_by_label("Followers")).to_have_value("1,200")
    expect(page.get_by_label("Account since")).to_have_value("2015-03-01")
    page.get_by_role("button", name="Forget it").click()
    expect(page.get_by_label("Followers")).to_have_value("")
    page.goto(address)
    expect(page.get_by_label("Followers")).to_have_value("")
    expect(page.get_by_text("Remembered by this browser alone")).to_be_hidden()
    assert model.calls[0][0].profile
    assert page.evaluate("[localStorage.length, document.cookie]") == [0, ""]


def test_the_history_brings_the_account_back_and_an_example_keeps_it(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    model = fake_gateway.serve()
    page = open_page()
    page.get_by_label("Followers").fill("70")
    predict(page, "with seventy")
    page.get_by_role("button", name="A launch").click()
    expect(page.get_by_label("Your tweet")).to_have_value(re.compile("Our new release"))
    expect(page.get_by_label("Followers")).to_have_value("70")
    assert model.calls[-1][0].profile == AuthorProfile(followers=70)

    page.get_by_label("Followers").fill("")
    page.locator("#history li", has_text="with seventy").get_by_role("button").click()

    expect(page.get_by_label("Followers")).to_have_value("70")


@pytest.mark.parametrize("javascript", [True, False])
def test_a_username_fills_what_is_missing_and_an_error_keeps_what_was_typed(
    fake_gateway: FakeGateway, open_page: Open, javascript: bool
) -> None:
    fake_gateway.serve()
    stored = AuthorProfile(followers=10, posts=20, read_at=NOON)
    fake_gateway.records.authors["ada"] = KnownAuthor(AuthorHistory(9, 8, 5, 7.5), stored)
    page = open_page(java_script_enabled=javascript)

    page.get_by_label("Your tweet").fill("hello")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Followers").fill("many")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator("#followers-wrong")).to_have_text("Give a whole number, for example 1,200.")
    expect(page.get_by_label("Followers")).to_have_value("many")
    page.get_by_label("Followers").fill("11")
    predict(page, "hello")

    expect(page.locator(".result")).to_contain_text("followers 11, posts 20 (read on 23 Nov 2026)")
    expect(page.locator(".result")).to_contain_text("5 of 8 earlier tweets of this author got a like.")
