"""A server with the demo's data, a browser that can reach nothing else, and tabs that are watched."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

from tests.browser import demo
from tests.browser.demo import Demo
from tests.browser.explorer import Explorer
from tests.browser.watching import Watch

NAMES = ("chromium", "chromium-browser", "google-chrome")
# No name is resolved: whatever the pages ask for elsewhere fails, and is seen.
ALONE = "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"
QUIET = ("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic")
SCREENSHOTS = demo.ROOT / ".screenshots"
DESK, PHONE = {"width": 1280, "height": 800}, {"width": 375, "height": 812}
LOOKS = ("desk", "dark", "phone")
# On a machine with more work than processors a page takes its time; a test still ends.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)


def pytest_configure() -> None:
    if _chromium() is None:
        raise pytest.UsageError("make test-browser needs Chromium; on Debian: apt-get install chromium")


def _chromium() -> str | None:
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with demo.running(tmp_path_factory.mktemp("demo")) as running:
        yield running


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Chromium's sandbox is not for root.
    unboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=_chromium(), args=[ALONE, *QUIET, *unboxed])
        yield browser
        browser.close()


@pytest.fixture
def looks(request: pytest.FixtureRequest) -> str:
    """`desk`, `dark` or `phone`; a test asks for others by its parameters."""
    return str(getattr(request, "param", "desk"))


@pytest.fixture(scope="session")
def profiles(browser: Browser) -> dict[str, BrowserContext]:
    """Keep one profile for each look: a new tab is as good as a new browser to pages that store nothing elsewhere."""
    made = {}
    for looks in LOOKS:
        made[looks] = browser.new_context(
            viewport=PHONE if looks == "phone" else DESK,
            has_touch=looks == "phone",
            color_scheme="dark" if looks == "dark" else "light",
            locale="en-GB",
            timezone_id="UTC",
        )
        made[looks].set_default_timeout(PATIENCE_MS)
    return made


@pytest.fixture(scope="session")
def watches(profiles: dict[str, BrowserContext], server: Demo) -> dict[str, Watch]:
    return {looks: Watch.over(profile, server.url) for looks, profile in profiles.items()}


@pytest.fixture
def profile(profiles: dict[str, BrowserContext], looks: str) -> BrowserContext:
    return profiles[looks]


@pytest.fixture
def watch(watches: dict[str, Watch], looks: str, profile: BrowserContext) -> Iterator[Watch]:
    """Notices what the pages do, and at the end finds no outside request, no broken rule and a silent console."""
    watch = watches[looks]
    watch.begin()
    yield watch
    seen = (watch.outside, watch.broken, watch.said, len(watch.asked) > 0)
    profile.set_offline(False)
    profile.clear_cookies()
    for page in profile.pages:
        page.close()
    assert seen == ([], [], [], True)


@pytest.fixture
def page(profile: BrowserContext, watch: Watch) -> Page:
    return profile.new_page()


@pytest.fixture
def explorer(page: Page, server: Demo) -> Explorer:
    return Explorer.opened(page, server)


@pytest.fixture(scope="session")
def screenshots() -> Path:
    SCREENSHOTS.mkdir(exist_ok=True)
    return SCREENSHOTS
