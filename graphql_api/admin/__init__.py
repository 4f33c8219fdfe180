"""The operators' pages, for administrators: customers, what they have and why, on HTML that the server has finished.

They read through the same doors as GraphQL and write nothing but the cookie of who signs in. No script, no request to
anywhere else, no SQL, and no decision of its own about who has what may enter here.
"""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from domain.errors import NotFound
from domain.settings import Environment
from domain.wiring import Services
from graphql_api.admin import assets, customer, listing, pages
from graphql_api.admin.cookies import Cookies
from graphql_api.admin.door import Door, Operator
from graphql_api.admin.signing import HOME, Signing
from graphql_api.transport import Recognizing

__all__ = ["routes"]


def routes(services: Services, *, recognition: Recognizing) -> list[BaseRoute]:
    """Give the routes of the pages: all but signing in and out ask the adapter anew who may see them."""
    settings = services.settings
    development = settings.environment is Environment.DEVELOPMENT
    cookies = Cookies(secret_keys=settings.secret_keys, clock=services.clock, development=development)
    door = Door(recognition=recognition, cookies=cookies)
    signing = Signing(services=services, door=door)
    return [
        Route("/admin/assets/{name}", assets.serve),
        Route("/admin/sign-in", signing.page, methods=["GET"]),
        Route("/admin/sign-in", signing.sign_in, methods=["POST"]),
        Route("/admin/sign-out", signing.sign_out, methods=["POST"]),
        Route("/admin", door.guarded(listing.page)),
        Route("/admin/", _home),
        Route("/admin/customers", _home),
        Route("/admin/customers/{id}", door.guarded(customer.page)),
        Route("/admin/{anything:path}", door.guarded(_nowhere)),
    ]


async def _home(_request: Request) -> Response:
    return pages.redirect(HOME)


async def _nowhere(_request: Request, _operator: Operator) -> Response:
    raise NotFound("page")
