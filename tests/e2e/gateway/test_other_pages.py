"""The pipeline page and the API's own pages."""

from __future__ import annotations

from playwright.sync_api import expect
from viral_common.trail import ModelRecord

from tests.e2e.gateway.conftest import Open
from tests.e2e.gateway.test_form import NARROW, overflow
from tests.unit.gateway.fakes import World, a_promotion_row, a_trail, a_training, a_verdict


def test_the_pipeline_page_tells_the_story(world: World, open_page: Open) -> None:
    world.serve(version=3)
    world.records.trails = [a_trail("simulated")]
    world.records.records = [ModelRecord(a_training(3), a_verdict(3), [a_promotion_row(3)])]

    page = open_page("/pipeline")

    batches = page.get_by_role("region", name="Batches, newest first")
    expect(batches.get_by_text("Version 3 beats version 2")).to_be_visible()
    expect(batches.get_by_text("simulated", exact=True)).to_be_visible()
    assert overflow(open_page("/pipeline", **NARROW)) == 0


def test_swagger_ui_shows_every_call_from_local_files(world: World, open_page: Open) -> None:
    world.serve(version=3, base=0.4)
    page = open_page("/docs")

    expect(page.locator(".opblock")).to_have_count(8)
    page.locator("#operations-predictions-predict_v1_predictions_post button").first.click()
    page.get_by_role("button", name="Execute").click()

    expect(page.locator(".live-responses-table tbody .response-col_status").first).to_contain_text("200")
