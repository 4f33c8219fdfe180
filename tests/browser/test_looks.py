"""The explorer in the light, in the dark and on a phone."""

from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.browser.explorer import Explorer
from tests.browser.looking import LEAST_CONTRAST, contrast, is_dark, photographed, sideways

every_look = pytest.mark.parametrize("looks", ["desk", "dark", "phone"], indirect=True)


def parts(explorer: Explorer) -> list[Locator]:
    page = explorer.page
    return [page.locator(".bar"), page.locator(".hint"), page.locator(".notice"), explorer.who, page.locator(".chief")]


@every_look
def test_every_look_of_the_explorer_fits_and_can_be_read(explorer: Explorer, looks: str, screenshots: Path) -> None:
    def seen(name: str) -> None:
        photographed(explorer.page, screenshots / f"explorer-{looks}-{name}.png")
        assert sideways(explorer.page) == 0
        for part in parts(explorer):
            if part.count() and part.is_visible():
                assert contrast(part) >= LEAST_CONTRAST
                assert "chief" in (part.get_attribute("class") or "") or is_dark(part) is (looks == "dark")

    seen("begins")
    explorer.enter("x")
    expect(explorer.alert).to_contain_text("refused")
    seen("refuses")
    explorer.enter_as("owner")
    explorer.run()
    expect(explorer.answer).to_contain_text("Olivia")
    seen("answers")
    explorer.open_panel("Examples")
    expect(explorer.panel).to_contain_text("Seats changed")
    seen("examples")
    explorer.open_panel("Documentation Explorer")
    expect(explorer.panel).to_contain_text("Root Types")
    seen("docs")
    explorer.open_panel("Examples")
    explorer.panel.get_by_role("button", name="Seats changed").click()
    expect(explorer.query).to_contain_text("seatsChanged")
    # On a phone a panel takes the place of the editors, and gives it back.
    assert explorer.panel.is_hidden() is (looks == "phone")


def test_the_page_follows_the_system_until_somebody_chooses(explorer: Explorer) -> None:
    explorer.page.emulate_media(color_scheme="dark")
    expect(explorer.page.locator("body.graphiql-dark")).to_have_count(0)
    assert is_dark(explorer.page.locator(".bar"))
    explorer.page.emulate_media(color_scheme="light")
    assert not is_dark(explorer.page.locator(".bar"))

    explorer.page.get_by_label("Open settings dialog").click()
    explorer.page.get_by_role("button", name="Dark", exact=True).click()
    explorer.page.keyboard.press("Escape")

    expect(explorer.page.locator("body.graphiql-dark")).to_be_visible()
    assert is_dark(explorer.page.locator(".bar"))
