"""How a page looks, as far as a machine can tell: nothing sideways, text that stands out, and a picture for people."""

from pathlib import Path

from playwright.sync_api import Locator, Page

SMALLEST_PICTURE_BYTES = 5_000
LEAST_CONTRAST = 4.5
WIDTHS = "[document.scrollingElement.scrollWidth, innerWidth]"
# Colours as the browser paints them: drawn on a canvas, whatever notation they are written in.
COLOURS = """(element) => {
    const pen = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
    const painted = (colour) => {
        pen.fillStyle = colour;
        pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data];
    };
    const grounds = [];
    for (let each = element; each; each = each.parentElement) grounds.unshift(getComputedStyle(each).backgroundColor);
    painted("white");
    return [painted(getComputedStyle(element).color), grounds.map(painted).at(-1)];
}"""


def photographed(page: Page, place: Path) -> None:
    """Keep a picture of the page, and insist that it is one."""
    page.screenshot(path=place)
    assert place.stat().st_size > SMALLEST_PICTURE_BYTES


def sideways(page: Page) -> int:
    """Tell by how many pixels the page is wider than its window."""
    wide, window = page.evaluate(WIDTHS)
    return int(wide - window)


def contrast(element: Locator) -> float:
    """Tell how much the text of an element stands out from what is behind it, by the measure of WCAG."""
    text, ground = element.evaluate(COLOURS)
    lighter, darker = sorted((_luminance(text), _luminance(ground)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def is_dark(element: Locator) -> bool:
    """Say whether light text stands on dark ground."""
    text, ground = element.evaluate(COLOURS)
    return _luminance(text) > _luminance(ground)


def _luminance(colour: list[int]) -> float:
    red, green, blue = (_linear(part / 255) for part in colour[:3])
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _linear(part: float) -> float:
    return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)
