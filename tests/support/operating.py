"""An operator's browser at the operators' pages: over TLS, with a cookie jar, sending forms as browsers do."""

import html
import re
from dataclasses import dataclass

import httpx

from tests.support.api import ADMINISTRATOR, Api

SITE = "https://seatgate.example"
SAME_ORIGIN = {"origin": SITE}
COOKIE = "__Host-seatgate-admin"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """A page as it is read."""

    response: httpx.Response

    @property
    def status(self) -> int:
        return self.response.status_code

    @property
    def source(self) -> str:
        return self.response.text

    @property
    def text(self) -> str:
        """What people see, folded parts included, with single spaces."""
        body = self.source.partition("<body>")[2]
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", body)).split())

    @property
    def location(self) -> str | None:
        found: str | None = self.response.headers.get("location")
        return found

    def section(self, title: str) -> str:
        """What the card with this title says."""
        [found] = [
            each for each in re.findall(r"<section.*?</section>", self.source, re.DOTALL) if f"<h2>{title}" in each
        ]
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", found)).split()).removeprefix(title).strip()


@dataclass(frozen=True, slots=True, kw_only=True)
class Browser:
    """Somebody at the pages. `who` sends a bearer header with every request; None shows what the jar holds."""

    api: Api
    who: str | None = ADMINISTRATOR

    async def get(self, path: str, **headers: str) -> Page:
        if self.who is not None:
            headers["authorization"] = f"Bearer {self.api.token(self.who)}"
        return Page(response=await self.api.client.get(f"{SITE}{path}", headers=headers))

    async def send(self, path: str, headers: dict[str, str] | None = None, /, **fields: str) -> Page:
        sent = SAME_ORIGIN if headers is None else headers
        return Page(response=await self.api.client.post(f"{SITE}{path}", data=fields, headers=sent))

    async def sign_in(self, token: str | None = None, **fields: str) -> Page:
        return await self.send("/admin/sign-in", token=token or self.api.token(ADMINISTRATOR), **fields)

    async def entitlements(self, customer_id: object) -> Page:
        return await self.get(f"/admin/customers/{customer_id}?tab=entitlements")
