"""Pages that stay open while the pipeline goes on: what they tell of the first model, the next, and a refused one."""

from __future__ import annotations

from playwright.sync_api import Page, expect
from viral_common.stores.trail import BatchTrail
from viral_gateway.serving.champion import Refusal

from tests.e2e.gateway.conftest import Open, predict
from tests.unit.gateway.fakes import NOON, FakeGateway, make_batch


def with_held_clock(open_page: Open) -> Page:
    """An empty page whose timers the test moves on, before anything of the product's runs in it."""
    page = open_page("/nowhere")
    page.clock.install()
    return page


def test_a_new_model_is_announced_and_the_text_stays(fake_gateway: FakeGateway, open_page: Open) -> None:
    fake_gateway.serve(version=3)
    page = open_page()
    page.get_by_label("Your tweet").fill("unfinished")

    fake_gateway.serve(version=4)
    fake_gateway.announcements.publish()

    note = page.get_by_text("Version 4 has just taken over")
    expect(note).to_be_visible()
    expect(page.get_by_label("Your tweet")).to_have_value("unfinished")
    expect(page.locator("#badge")).to_contain_text("version 4")

    predict(page, "unfinished no more")

    expect(note).to_be_hidden()


def test_an_answer_stays_of_its_version_while_the_badge_tells_the_next(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    fake_gateway.serve(version=3)
    page = open_page()
    predict(page, "answered by three")

    fake_gateway.serve(version=4)
    fake_gateway.announcements.publish()

    expect(page.locator("#badge")).to_contain_text("version 4")
    expect(page.get_by_text("Prediction of version 3")).to_be_visible()


def test_a_broken_stream_is_opened_again(fake_gateway: FakeGateway, open_page: Open, address: str) -> None:
    fake_gateway.serve(version=3)
    page = with_held_clock(open_page)
    page.route("**/v1/events*", lambda route: route.fulfill(status=503))
    page.goto(address)

    fake_gateway.serve(version=4)
    fake_gateway.announcements.publish()
    page.unroute("**/v1/events*")
    page.clock.fast_forward(6_000)

    expect(page.get_by_text("Version 4 has just taken over")).to_be_visible()


def test_the_first_run_page_follows_the_pipeline_and_gives_way_to_the_form(
    fake_gateway: FakeGateway, open_page: Open, address: str
) -> None:
    page = with_held_clock(open_page)
    page.goto(address)
    expect(page.get_by_text("has not opened a batch yet")).to_be_visible()

    fake_gateway.records.trails = [BatchTrail(make_batch("simulated"), None, None, None)]
    page.clock.fast_forward(6_000)
    expect(page.get_by_text("48,210 tweets kept")).to_be_visible()

    fake_gateway.serve(version=1)
    fake_gateway.announcements.publish()
    expect(page.get_by_label("Your tweet")).to_be_focused()


def test_the_first_run_page_goes_on_looking_while_the_gateway_is_away(
    fake_gateway: FakeGateway, open_page: Open, address: str
) -> None:
    page = with_held_clock(open_page)
    page.goto(address)
    page.route("**/", lambda route: route.abort())
    with page.expect_event("requestfailed"):
        page.clock.fast_forward(6_000)
    page.unroute("**/")

    fake_gateway.records.trails = [BatchTrail(make_batch("simulated"), None, None, None)]
    page.clock.fast_forward(6_000)

    expect(page.get_by_text("48,210 tweets kept")).to_be_visible()


def test_a_refused_artefact_is_shown_with_the_next_answer(fake_gateway: FakeGateway, open_page: Open) -> None:
    fake_gateway.serve(version=3)
    page = open_page()
    fake_gateway.holder.refused = Refusal(4, 4, "model.onnx: 3 bytes, manifest.json says 9", NOON)

    predict(page, "hello")

    expect(page.get_by_text("Version 4 was refused.")).to_be_visible()
