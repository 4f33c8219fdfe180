"""A tab that is watched: what it asks for, which rules it breaks, and what its console says."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import BrowserContext, ConsoleMessage, Page, Request

# The policy's own voice: it is heard also where a console would stay silent.
LISTENING = """
globalThis.broken = [];
document.addEventListener("securitypolicyviolation", (event) => {
  broken.push(`${event.effectiveDirective} ${event.blockedURI}`);
});
"""
# How Chromium tells of an answer that is no success, or is none; a test that wants one looks at what the page says.
ANSWERED = "Failed to load resource: "


@dataclass
class Watch:
    """What was noticed in the tabs of one profile. Addresses inside the page itself (`data:`) ask nobody."""

    home: str
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    pages: list[Page] = field(default_factory=list)

    def begin(self) -> None:
        """Forget what was before."""
        for seen in (self.asked, self.said, self.pages):
            seen.clear()

    @classmethod
    def over(cls, context: BrowserContext, home: str) -> "Watch":
        watch = cls(home=home)
        context.add_init_script(LISTENING)
        context.on("request", watch._request)
        context.on("console", watch._console)
        context.on("weberror", lambda error: watch.said.append(str(error.error)))
        context.on("page", watch._page)
        return watch

    @property
    def outside(self) -> list[str]:
        """The requests to anywhere but the server."""
        return [url for url in self.asked if not url.startswith((f"{self.home}/", f"ws{self.home[4:]}/"))]

    @property
    def broken(self) -> list[Any]:
        """The rules of the policy that were broken in the tabs that are open."""
        return [each for page in self.pages if not page.is_closed() for each in page.evaluate("globalThis.broken")]

    def _page(self, page: Page) -> None:
        self.pages.append(page)

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).scheme not in {"data", "blob"}:
            self.asked.append(request.url)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and not message.text.startswith(ANSWERED):
            self.said.append(message.text)
