"""Signing in with a bearer token, and out: the only two forms of the operators' pages that change anything.

The adapter judges the token; the browser keeps it for us, and the server keeps nothing.
"""

import re
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import Response

from domain import rates
from domain.errors import DomainError, Forbidden, InvalidInput, RateLimited, Unauthenticated, Unavailable
from domain.wiring import Services
from graphql_api import edge
from graphql_api.admin import pages
from graphql_api.admin.door import SIGN_IN, Door, Operator, unavailable

HOME = "/admin"
MOST_TRIES, WINDOW = 30, timedelta(minutes=1)
LARGEST_FORM = 16_384
_TOKEN = re.compile(r"(?:[Bb]earer +)?([!-~]{1,8000})")
_LOCAL = re.compile(r"/admin(?:[/?][!-\[\]-~]{0,2000})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """The endpoints of signing in and out."""

    services: Services
    door: Door

    async def page(self, request: Request) -> Response:
        """Show the form."""
        return _form(local(request.query_params.get("next")))

    async def sign_in(self, request: Request) -> Response:
        """Take a token and let the browser keep it, if it is an administrator's."""
        if not _from_our_own_page(request, self.services.settings.public_url):
            return _strange()
        try:
            form = await _read(request)
        except (edge.TooLarge, edge.TooSlow):
            return _form(HOME, "This form cannot be read.", status=400)
        wanted = local(form.get("next"))
        try:
            return await self._signed_in(request, form.get("token", ""), wanted)
        except Unavailable as refusal:
            return unavailable(refusal)
        except (Unauthenticated, Forbidden, InvalidInput, RateLimited) as refusal:
            return _refused(refusal, wanted)

    async def sign_out(self, request: Request) -> Response:
        """Let the browser forget the token."""
        if not _from_our_own_page(request, self.services.settings.public_url):
            return _strange()
        response = pages.redirect(SIGN_IN)
        self.door.cookies.clear(response, request)
        return response

    async def _signed_in(self, request: Request, text: str, wanted: str) -> Response:
        bucket = f"operators:{request.client.host if request.client else ''}"
        database, clock = self.services.database, self.services.clock
        await rates.spend(database, clock, bucket=bucket, most=MOST_TRIES, window=WINDOW)
        match = _TOKEN.fullmatch(text.strip())
        if match is None:
            raise Unauthenticated
        operator = await self._operator(request, match[1])
        response = pages.redirect(wanted)
        self.door.cookies.put(response, request, match[1], expires_at=operator.context.expires_at)
        await rates.give_back(database, bucket=bucket)
        return response

    async def _operator(self, request: Request, token: str) -> Operator:
        visitor = await self.door.recognize(request, token=token)
        return await self.door.admit(request, visitor, signed_in=True)


def local(address: str | None) -> str:
    """Take an address of these pages, and no other: whoever signs in is not sent to strangers."""
    return address if address and _LOCAL.fullmatch(address) else HOME


async def _read(request: Request) -> dict[str, str]:
    content = await edge.body(request, limit=LARGEST_FORM)
    return {name: values[0] for name, values in parse_qs(content.decode("latin-1")).items()}


def _from_our_own_page(request: Request, public_url: str | None) -> bool:
    """Say whether a form was sent from one of our own pages; a browser that does not tell is not believed."""
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    _, _, place = request.headers.get("origin", "").partition("://")
    _, _, public_place = (public_url or "").partition("://")
    return place != "" and place in {request.headers.get("host"), public_place.partition("/")[0]}


def _refused(refusal: DomainError, wanted: str) -> Response:
    """Show the form again, with what was wrong; of a token only whether it opens anything."""
    match refusal:
        case Unauthenticated():
            return _form(wanted, "This token opens nothing.", status=401, headers={"www-authenticate": "Bearer"})
        case Forbidden():
            return _form(wanted, "This token is not an administrator's.", status=403)
        case RateLimited():
            advice = {"retry-after": str(refusal.retry_after_seconds)}
            return _form(wanted, "Too many tries. Wait a minute.", status=429, headers=advice)
        case _:
            return _form(wanted, refusal.message, status=400)


def _form(
    wanted: str, trouble: str | None = None, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    values = {"wanted": wanted, "trouble": trouble, "operator": None}
    return pages.html("sign_in.html", values, status=status, headers=headers)


def _strange() -> Response:
    return pages.message("Not from here", "This form was not sent from these pages.", status=403)
