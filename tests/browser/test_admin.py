"""The operators' pages as a browser shows them: plain, with no script, and for administrators alone."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.demo import Demo
from tests.browser.looking import LEAST_CONTRAST, contrast, is_dark, photographed, sideways

every_look = pytest.mark.parametrize("looks", ["desk", "dark", "phone"], indirect=True)


def sign_in(page: Page, server: Demo, who: str = "administrator") -> None:
    page.goto(f"{server.url}/admin")
    page.get_by_label("Bearer token").fill(server.tokens[who])
    page.keyboard.press("Enter")


def parts(page: Page) -> list[Locator]:
    return [page.locator(name).first for name in ("h1", "main", ".badge", ".tabs a", ".soft", "button", "footer")]


@every_look
def test_every_page_fits_and_can_be_read(page: Page, server: Demo, looks: str, screenshots: Path) -> None:
    def seen(name: str) -> None:
        photographed(page, screenshots / f"admin-{looks}-{name}.png")
        assert sideways(page) == 0
        assert is_dark(page.locator("h1")) is (looks == "dark")
        for part in parts(page):
            if part.count() and part.is_visible():
                assert contrast(part) >= LEAST_CONTRAST

    page.goto(f"{server.url}/admin")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    seen("sign-in")
    sign_in(page, server)
    expect(page.get_by_role("heading", name="Customers")).to_be_visible()
    seen("customers")
    page.get_by_role("link", name="Acme").click()
    expect(page.get_by_role("heading", name="Acme")).to_be_visible()
    seen("overview")
    page.get_by_role("link", name="Entitlements").click()
    expect(page.get_by_text("Granted features")).to_be_visible()
    seen("entitlements")


def test_a_customer_is_found_by_its_slug_and_explained_link_by_link(page: Page, server: Demo) -> None:
    sign_in(page, server)
    page.get_by_label("Find a customer").fill("acme")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Acme")).to_be_visible()
    page.get_by_role("link", name="Entitlements").click()

    why = page.locator("details", has_text="reports").first
    expect(why.locator("ol")).to_be_hidden()
    why.locator("summary").click()

    expect(why.locator("ol")).to_be_visible()


def test_who_is_no_administrator_is_told_so_and_stays_outside(page: Page, server: Demo) -> None:
    sign_in(page, server, "owner")

    expect(page.get_by_role("alert")).to_have_text("This token is not an administrator's.")
    page.goto(f"{server.url}/admin")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_after_signing_out_the_way_back_leads_to_the_form(page: Page, server: Demo) -> None:
    sign_in(page, server)
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()

    page.goto(f"{server.url}/admin")

    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert page.context.cookies() == []


def test_the_token_is_kept_from_scripts_and_from_other_sites(page: Page, server: Demo) -> None:
    sign_in(page, server)
    expect(page.get_by_role("heading", name="Customers")).to_be_visible()

    [cookie] = page.context.cookies()

    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    assert server.tokens["administrator"] not in cookie["value"]
    assert page.evaluate("[document.cookie, localStorage.length, sessionStorage.length]") == ["", 0, 0]


def test_the_pages_need_no_script(browser: Browser, server: Demo) -> None:
    plain = browser.new_context(java_script_enabled=False)
    page = plain.new_page()

    sign_in(page, server)

    expect(page.get_by_role("link", name="Acme")).to_be_visible()
    plain.close()


def test_the_explorer_leads_an_administrator_here_and_these_pages_lead_there(page: Page, server: Demo) -> None:
    page.goto(f"{server.url}/graphiql")
    page.get_by_label("Token", exact=True).fill(server.tokens["administrator"])
    page.keyboard.press("Enter")

    page.get_by_role("link", name="Customers").click()
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    sign_in(page, server)
    page.get_by_role("link", name="explorer").click()

    expect(page.get_by_label("Token", exact=True)).to_be_visible()
