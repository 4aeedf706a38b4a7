"""The API's own pages."""

from __future__ import annotations

from playwright.sync_api import expect

from tests.e2e.gateway.conftest import Open
from tests.unit.gateway.fakes import FakeGateway


def test_swagger_ui_shows_every_call_from_local_files(fake_gateway: FakeGateway, open_page: Open) -> None:
    fake_gateway.serve(version=3, base=0.4)
    page = open_page("/docs")

    expect(page.locator(".opblock")).to_have_count(10)
    page.locator("#operations-predictions-predict_v1_predictions_post button").first.click()
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
