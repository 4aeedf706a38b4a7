"""Where the gateway asks for a key, a person signs in once, and then all of the page works; also at a provider."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect
from viral_gateway.keys_file import add_key

from tests.e2e.gateway.conftest import Open, listening
from tests.e2e.gateway.test_looks import NARROW, overflow
from tests.unit.gateway.fakes import FakeGateway
from tests.unit.gateway.identity_provider import (
    CLIENT_ID,
    CLIENT_SECRET,
    IdentityProvider,
    run_identity_provider,
)


@pytest.fixture
def provider() -> Iterator[IdentityProvider]:
    with run_identity_provider() as provider:
        yield provider


@pytest.fixture
def fake_gateway(tmp_path: Path, provider: IdentityProvider) -> FakeGateway:
    """One that asks for a key, or for somebody whom the provider knows."""
    keys = tmp_path / "keys"
    keys.touch()
    return FakeGateway(
        settings={
            "api_keys_file": keys,
            "oidc_issuer": provider.url,
            "oidc_client_id": CLIENT_ID,
            "oidc_client_secret": CLIENT_SECRET,
            "oidc_roles": "ada@example.org=admin",
        }
    )


@pytest.fixture
def address(fake_gateway: FakeGateway) -> Iterator[str]:
    with listening(fake_gateway) as address:
        yield address


def make_key(fake_gateway: FakeGateway, role: str = "read") -> str:
    return add_key(fake_gateway.settings["api_keys_file"], f"a-{role}", role, None)[0]  # type: ignore[arg-type]


def sign_in(page: Page, key: str) -> None:
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("javascript", [True, False])
def test_a_key_typed_into_the_form_opens_the_page_its_scripts_and_its_stream(
    fake_gateway: FakeGateway, open_page: Open, javascript: bool
) -> None:
    fake_gateway.serve()
    page = open_page("/pipeline?page=1", java_script_enabled=javascript)
    sign_in(page, "a-wrong-key-of-twenty-letters")
    expect(page.get_by_role("alert")).to_contain_text("no key of this gateway")

    sign_in(page, make_key(fake_gateway))

    expect(page.get_by_role("heading", name="Pipeline")).to_be_visible()
    assert page.url.endswith("/pipeline?page=1")
    page.goto(page.url.removesuffix("pipeline?page=1"))
    assert page.locator("textarea").count() == 1
    if javascript:
        status = page.evaluate("""async () => (await fetch('/v1/model')).status""")
        opened = page.evaluate(
            """() => new Promise((done) => {
                const stream = new EventSource('/v1/events');
                stream.onopen = () => { stream.close(); done(true); };
                stream.onerror = () => { stream.close(); done(false); };
            })"""
        )
        assert (status, opened) == (200, True)
        assert page.evaluate("document.cookie") == ""
    page.get_by_label("Your tweet").fill("good morning")
    page.get_by_role("button", name="Predict").click()
    expect(page.locator(".number")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_label("API key")).to_be_visible()


def test_who_may_only_predict_is_shown_what_there_is_for_them(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    fake_gateway.serve()
    page = open_page("/")

    sign_in(page, make_key(fake_gateway, "predict"))

    expect(page.get_by_label("Your tweet")).to_be_visible()
    expect(page.get_by_role("link", name="Pipeline")).to_have_count(0)


def test_a_person_signs_in_at_the_provider(
    fake_gateway: FakeGateway, provider: IdentityProvider, browser_page: Page
) -> None:
    fake_gateway.serve()

    browser_page.get_by_role("link", name="Sign in at 127.0.0.1").click()

    expect(browser_page.get_by_role("heading", name="Pipeline")).to_be_visible()
    expect(browser_page.locator(".who")).to_contain_text("ada@example.org, admin")


@pytest.fixture
def browser_page(browser: Browser, address: str) -> Iterator[Page]:
    """At the pipeline page; unlike others it goes to another address, the provider's."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(f"{address}/pipeline")
    yield page
    context.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_no_violation_in_the_form(open_page: Open, scheme: str) -> None:
    page = open_page("/pipeline", color_scheme=scheme, reduced_motion="reduce")
    sign_in(page, "a-wrong-key-of-twenty-letters")
    expect(page.get_by_role("alert")).to_be_visible()

    found = Axe().run(page)

    assert found.violations_count == 0, found.generate_report()
    assert overflow(open_page("/sign-in", **NARROW)) == 0


def test_nothing_overflows_where_somebody_with_a_long_name_is_signed_in(
    fake_gateway: FakeGateway, open_page: Open
) -> None:
    fake_gateway.serve()
    name = "someone.with.a.long.name@an.organisation.with.a.long.name.example"[:64]
    key, _ = add_key(fake_gateway.settings["api_keys_file"], name, "admin", None)
    page = open_page("/", **NARROW)

    sign_in(page, key)

    expect(page.get_by_text(name)).to_be_visible()
    page.wait_for_load_state("networkidle")  # with its styles
    assert overflow(page) == 0
