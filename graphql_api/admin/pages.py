"""How every page is made and sent: templates that escape, and a policy that lets a browser do next to nothing."""

from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, RedirectResponse, Response

from domain.entitlements import UNLIMITED
from graphql_api.admin import assets

if TYPE_CHECKING:
    from jinja2 import Environment

HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    # Without any referrer browsers would not say either which of our pages a form was sent from.
    "referrer-policy": "same-origin",
    "x-robots-tag": "noindex",
}


def html(
    template: str, values: Mapping[str, object], *, status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    """Answer with a page. A value that the template names and nobody gives is a fault.

    Raises:
        jinja2.UndefinedError: a value is missing.
    """
    content = _environment().get_template(template).render(values)
    return HTMLResponse(content, status_code=status, headers={**HEADERS, **(headers or {})})


def message(title: str, text: str, *, status: int, headers: Mapping[str, str] | None = None) -> Response:
    """Answer with a page that says one thing, the same to everybody."""
    return html("message.html", {"title": title, "text": text, "operator": None}, status=status, headers=headers)


def redirect(address: str) -> Response:
    """Send the browser to another of our pages, by GET."""
    return RedirectResponse(address, status_code=303, headers=HEADERS)


def written(instant: datetime) -> str:
    """Write an instant for people, in UTC, to the minute."""
    return f"{instant.astimezone(UTC):%-d %b %Y, %H:%M}"


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, PackageLoader, StrictUndefined  # noqa: PLC0415 - most processes show no page

    made = Environment(
        loader=PackageLoader("graphql_api.admin"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters["written"] = written
    made.globals |= {"asset": assets.addresses(), "UNLIMITED": UNLIMITED}
    return made
